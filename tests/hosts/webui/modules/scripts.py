"""Scripts that take part in generations: the hosts look for their classes in the files that they load."""

import inspect
import traceback

from modules import script_callbacks

AlwaysVisible = object()
found = []  # classes
always_on = []  # an object of each of them per tab


class Script:
    create_group = True
    args_from = args_to = None

    def title(self):
        raise NotImplementedError

    def ui(self, is_img2img):
        pass

    def show(self, is_img2img):
        return True

    def before_process(self, p, *args):
        pass


def register(module):
    """Take the classes of a file that was just loaded."""
    found.extend(one for one in vars(module).values() if inspect.isclass(one) and issubclass(one, Script))


def build(tabs):
    """Make the scripts of each tab, as the page is built."""
    always_on.clear()
    for tab in tabs:
        for one in [made() for made in found]:
            assert one.title() and one.show(tab == "img2img") is AlwaysVisible and one.ui(tab == "img2img") == []
            always_on.append((tab, one))


def before_process(p, tab):
    """A generation begins; its lock is held. SD.Next tells callbacks too."""
    for its, one in always_on:
        if its == tab:
            try:
                one.before_process(p)
            except Exception:
                script_callbacks.failures.append(f"before_process: {traceback.format_exc()}")
    script_callbacks.fire("before_process", p)
