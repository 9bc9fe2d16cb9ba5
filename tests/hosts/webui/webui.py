"""A small host of the WebUI family for the contract harness: a real Gradio app with the family's callbacks and ids.

It stands for no real WebUI: it reproduces what those were seen to do where that can trip an extension. It runs as a
process of its own, with the Python of one of the Gradio environments, in a folder that is its home:

    python webui.py --extension REPOSITORY [--flavour a1111|sdnext|neo] [--auth USER:PASSWORD] [--nowebui] …

One line of JSON comes out when it is ready, and one for each line of JSON that goes in (`COMMANDS`).
"""

import argparse
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import gradio as gr  # noqa: E402
from modules import call_queue, paths, script_callbacks, scripts, shared  # noqa: E402
from PIL import Image, PngImagePlugin  # noqa: E402

GRADIO = int(gr.__version__.partition(".")[0])
JS = "js" if GRADIO >= 4 else "_js"
CHECKPOINTS = ["dreamy_sd15.safetensors [0123456789]", "sub/illustriousXL_v01.safetensors [abcdef0123]"]
pasted = {"prompt": "", "negative": ""}
made_again = []  # elem_ids of components that a running page made anew
running = False


def load_scripts(extension):
    """As every host does: the extension's folder is on the path only meanwhile."""
    script_callbacks.clear_callbacks()
    scripts.found.clear()
    before = list(sys.path)
    for script in sorted((extension / "scripts").glob("*.py")):
        sys.path = [str(extension), *before]
        spec = importlib.util.spec_from_file_location(script.name, script)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        scripts.register(module)
        sys.path = list(before)


def watch_components():
    """Call back after each component, also of those that Gradio 4 makes anew to update a running page."""
    base = gr.components.Component if GRADIO >= 4 else gr.components.IOComponent
    original = base.__init__

    def init(self, *given, **named):
        original(self, *given, **named)
        if running and named.get("elem_id"):
            made_again.append(named["elem_id"])
        script_callbacks.fire("after_component", self, **named)

    base.__init__ = init


def inject(extension, flavour):
    """Put scripts and styles into the page's head, as the hosts do."""
    page = gr.routes.templates.TemplateResponse
    keyword = "let" if flavour == "neo" else "var"
    lacking = "" if flavour == "sdnext" else "function onOptionsAvailable(callback) { onUiLoaded(callback); }\n"
    (Path.cwd() / "script.js").write_text(
        f"{keyword} opts = {{}};\n{lacking}" + (HERE / "script.js").read_text("utf-8"), "utf-8"
    )

    def link(path):
        inside = path.is_relative_to(Path.cwd())
        return f"file={(path.relative_to(Path.cwd()) if inside else path).as_posix()}?{path.stat().st_mtime}"

    def response(*given, **named):
        head = f'<script src="{link(Path.cwd() / "script.js")}"></script>\n'
        for script in sorted((extension / "javascript").glob("*.js")):
            head += f'<script src="{link(script)}"></script>\n'
        for script in sorted((extension / "javascript").glob("*.mjs")):
            head += f'<script type="module" src="{link(script)}"></script>\n'
        answer = page(*given, **named)
        answer.body = answer.body.replace(
            b"</head>", f'{head}<meta name="referrer" content="no-referrer"/></head>'.encode()
        )
        answer.init_headers()
        return answer

    gr.routes.templates.TemplateResponse = response


def generate(prompt, negative, seed=7):
    """Make an "image" and save it, as the hosts do on their worker thread."""
    with call_queue.queue_lock:
        shared.state.job = "task(1)"
        scripts.before_process(None, "txt2img")
        steps = f"Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, Size: 512x512"
        text = f"{prompt}\nNegative prompt: {negative}\n{steps}"
        path = save("outputs/txt2img-images", f"{seed:05}", text)
        shared.state.job = ""
    return path


def save(folder, name, text):
    """Write a PNG with its infotext and tell everybody."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = os.path.join(folder, f"{name}.png")
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    image = Image.new("RGB", (8, 8), "gray")
    image.save(path, pnginfo=info)
    before = time.perf_counter()
    script_callbacks.fire("image_saved", script_callbacks.ImageSaveParams(image, None, path, {"parameters": text}))
    save.seconds = time.perf_counter() - before
    return path


def prompts(tab):
    """The top row of a tab."""
    with gr.Row(elem_id=f"{tab}_toprow", variant="compact"):
        with gr.Column(elem_id=f"{tab}_prompt_container", scale=6):
            with gr.Row(), gr.Column(scale=80, elem_id=f"{tab}_prompt_row"):
                prompt = gr.Textbox(label="Prompt", elem_id=f"{tab}_prompt", show_label=False, lines=3, value="")
            with gr.Row(), gr.Column(scale=80, elem_id=f"{tab}_neg_prompt_row"):
                negative = gr.Textbox(
                    label="Negative", elem_id=f"{tab}_neg_prompt", show_label=False, lines=3, value=""
                )
        with gr.Column(scale=1, elem_id=f"{tab}_actions_column"):
            button = gr.Button("Generate", elem_id=f"{tab}_generate", variant="primary")
            paste = gr.Button("Paste", elem_id=f"{tab}_paste")
    with gr.Row(elem_id=f"{tab}_settings"):
        steps = gr.Slider(label="Steps", minimum=1, maximum=150, value=20, elem_id=f"{tab}_steps")
        result = gr.Textbox(label="Result", elem_id=f"{tab}_result", value="")
    paste.click(
        fn=lambda: (gr.update(value=pasted["prompt"]), gr.update(value=pasted["negative"]), gr.update(value=28)),
        inputs=[],
        outputs=[prompt, negative, steps],
    )
    button.click(fn=generate, inputs=[prompt, negative], outputs=[result])


def settings_page():
    """A form of all settings that have a component; "Apply" sets those that changed."""
    names = [name for name, info in shared.opts.data_labels.items() if info.component]
    fields = []
    for name in names:
        info = shared.opts.data_labels[name]
        make, given = info.component, dict(info.component_args or {})
        fields.append(
            make(
                label=info.label, value=lambda name=name: getattr(shared.opts, name), elem_id=f"setting_{name}", **given
            )
        )
    apply = gr.Button("Apply settings", elem_id="settings_submit")

    def run(*values):
        for name, value in zip(names, values):  # noqa: B905 (Python 3.9's hosts)
            shared.opts.set(name, value)
        return shared.opts.dumpjson()

    return apply, run, fields


def create_ui(flavour):
    """The page."""
    names = ("txt2img", "img2img", *(["control"] if flavour == "sdnext" else []))
    scripts.build(names[:2])  # SD.Next makes none of an extension for its third
    script_callbacks.fire("ui_settings")
    tabs = [tab for answer in script_callbacks.fire("ui_tabs") for tab in answer or []]
    css = "#settings_json { position: absolute; left: -9999px; }"
    with gr.Blocks(analytics_enabled=False, title="contract harness", css=css) as page:
        with gr.Row(elem_id="quicksettings"):
            gr.Dropdown(
                CHECKPOINTS,
                value=CHECKPOINTS[0],
                label="Checkpoint",
                elem_id="setting_sd_model_checkpoint",
                interactive=True,
            )
        kept = gr.Textbox(value=lambda: shared.opts.dumpjson(), elem_id="settings_json")
        with gr.Tabs(elem_id="tabs"):
            for tab in names:
                with gr.TabItem(tab, id=tab, elem_id=f"tab_{tab}"):
                    prompts(tab)
            for blocks, title, name in tabs:
                with gr.TabItem(title, id=name, elem_id=f"tab_{name}"):
                    blocks.render()
            with gr.TabItem("Settings", id="settings", elem_id="tab_settings"):
                apply, run, fields = settings_page()
        apply.click(fn=run, inputs=fields, outputs=[kept])
    return page


def launch(arguments):
    """Start the server, as the hosts do; they take Gradio's open CORS rules away again."""
    global running
    running = False
    page = create_ui(arguments.flavour)
    auth = [tuple(pair.split(":")) for pair in arguments.auth.split(",")] if arguments.auth else None
    allowed = [str(Path.cwd()), str(arguments.extension)]
    app, url, _ = page.queue().launch(
        server_name="127.0.0.1",
        server_port=arguments.port or None,
        auth=auth,
        prevent_thread_lock=True,
        allowed_paths=allowed,
        quiet=True,
        show_api=False,
    )
    app.user_middleware = [one for one in app.user_middleware if one.cls.__name__ != "CORSMiddleware"]
    script_callbacks.fire("app_started", page, app)
    running = True
    return page, url


def api_only(arguments):
    """``--nowebui``."""
    import threading

    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()
    script_callbacks.fire("app_started", None, app)
    server = uvicorn.Server(uvicorn.Config(app, port=arguments.port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return None, f"http://127.0.0.1:{arguments.port}/"


class Resident:
    """Stands for bulk work of ours on the graphics device."""

    def __init__(self):
        self.back = []  # whether the host's lock was held each time that it was asked back

    def make_way(self, timeout):
        self.back.append(not call_queue.queue_lock.acquire(blocking=False))


class Commands:
    """What may be asked of the running host, one method each."""

    def __init__(self, arguments, page, url):
        self.arguments, self.page, self.url = arguments, page, url

    def reload(self):
        """ "Reload UI": a new page at the same port, scripts run again."""
        self.arguments.port = int(self.url.rstrip("/").rpartition(":")[2])
        self.page.close()
        script_callbacks.fire("script_unloaded")
        load_scripts(self.arguments.extension)
        self.page, self.url = launch(self.arguments)
        return self.url

    def lock(self, held):
        """Hold the queue's lock with an empty job, as while a model loads."""
        if held:
            call_queue.queue_lock.acquire()
        else:
            call_queue.queue_lock.release()

    def paste(self, prompt, negative=""):
        """What the paste buttons will put in."""
        pasted.update(prompt=prompt, negative=negative)

    def save(self, folder, name, text, interrupted=False):
        """Save an image; how long our callback took, in seconds."""
        shared.state.interrupted = interrupted
        save(folder, name, text)
        shared.state.interrupted = False
        return save.seconds

    def begin(self, tab):
        """Begin to generate while bulk work of ours, if we are open, is on the device: how it was asked back."""
        opened = sys.modules["lorarec_webui.door"]._entered.keeper.opened
        asked = Resident()
        if opened is not None:
            opened.encoders._bulk = asked
        with call_queue.queue_lock:
            scripts.before_process(None, tab)
        if opened is not None:
            opened.encoders._bulk = None
        return asked.back

    def busy(self):
        """What our host says."""
        return sys.modules["lorarec_webui.host"].WebuiHost().busy()

    def options(self):
        return shared.opts.data

    def set(self, name, value):
        return shared.opts.set(name, value)

    def facts(self):
        """What a test may want to know."""
        host = sys.modules["lorarec_webui.host"]
        import threading

        return {
            "roots": [str(root) for root in host.WebuiHost().lora_roots()],
            "outputs": host.output_folders(),
            "sides": host.side_folders(),
            "failures": script_callbacks.failures,
            "made_again": made_again,
            "opened": sys.modules["lorarec_webui.door"]._entered.keeper.opened is not None,
            "changes": sum(dep_targets(self.page)),
            "threads": sorted(thread.name for thread in threading.enumerate() if "lorarec" in thread.name),
            "path": sys.path,
        }


def dep_targets(page):
    """For each dependency of the page whether it is ours."""
    return ["lorarec-changed" in str(one.get("js", "")) for one in page.config["dependencies"]] if page else []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--extension", type=Path, required=True)
    parser.add_argument("--flavour", default="a1111")
    parser.add_argument("--lora-dir", required=True)
    parser.add_argument("--lora-dirs", action="append")
    parser.add_argument("--auth", default="")
    parser.add_argument("--nowebui", action="store_true")
    parser.add_argument("--api-auth", default=None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--server-name", default=None)
    arguments = parser.parse_args()
    shared.cmd_opts.__dict__.update(
        lora_dir=arguments.lora_dir, listen=False, server_name=arguments.server_name, api_auth=arguments.api_auth
    )
    folders = {
        f"outdir_{tab}_{kind}": f"outputs/{tab}-{end}"
        for tab in ("txt2img", "img2img")
        for kind, end in (("samples", "images"), ("grids", "grids"))
    }
    shared.opts.data.update(
        folders, outdir_samples="", outdir_grids="", outdir_save="log/images", outdir_init_images="outputs/init-images"
    )
    if arguments.flavour == "sdnext":
        paths.as_sdnext()
        script_callbacks.as_sdnext()
    else:
        shared.opts.data["extra_networks_add_text_separator"] = " "
    if arguments.flavour == "a1111":
        shared.cmd_opts.lyco_dir_backcompat = str(Path.cwd() / "models" / "LyCORIS")
    if arguments.lora_dirs:
        shared.cmd_opts.lora_dirs = arguments.lora_dirs
    out, sys.stdout = sys.stdout, sys.stderr
    watch_components()
    inject(arguments.extension, arguments.flavour)
    load_scripts(arguments.extension)
    page, url = api_only(arguments) if arguments.nowebui else launch(arguments)
    commands = Commands(arguments, page, url)
    print(json.dumps({"url": url}), file=out, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = getattr(commands, asked.pop("do"))(**asked)
        print(json.dumps({"answer": answer}), file=out, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
