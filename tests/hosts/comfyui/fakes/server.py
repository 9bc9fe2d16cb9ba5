"""ComfyUI's `server.PromptServer`: the running prompts, and the texts that nodes show."""


class _Queue:
    def __init__(self):
        self.currently_running = {}


class PromptServer:
    instance = None

    def __init__(self):
        self.prompt_queue = _Queue()
        self.shown = []

    def send_progress_text(self, text, node_id, sid=None):
        self.shown.append((node_id, text))


PromptServer.instance = PromptServer()
