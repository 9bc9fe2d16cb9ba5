"""The whole command line as one script, for Pythons without console scripts.

``python_embeded\\python.exe -s ComfyUI\\custom_nodes\\lorarec\\lorarec_cli.py suggest "a castle"``
Portable builds neither install ``lorarec`` as a command nor look for modules beside a script, so this file puts its
own folder in front of the search path. The folder may have any name.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [here, *(entry for entry in sys.path if entry != here)]

    from lorarec.cli import main

    sys.exit(main())
