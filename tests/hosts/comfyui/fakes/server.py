"""ComfyUI's `server.PromptServer` and its `execution.PromptQueue`: running and finished prompts, texts nodes show."""

import copy
import threading
from typing import NamedTuple


class PromptQueue:
    """Items are (number, prompt id, API graph, extra data, output nodes); what the history keeps is a copy."""

    class ExecutionStatus(NamedTuple):
        status_str: str
        completed: bool
        messages: list

    def __init__(self):
        self.mutex = threading.RLock()
        self.task_counter = 0
        self.queue = []
        self.currently_running = {}
        self.history = {}

    def get(self, item):
        """The real one waits for an item; here the caller has it."""
        with self.mutex:
            number = self.task_counter
            self.currently_running[number] = copy.deepcopy(item)
            self.task_counter += 1
            return item, number

    def task_done(self, item_id, history_result, status, process_item=None):
        with self.mutex:
            prompt = self.currently_running.pop(item_id)
            if process_item is not None:
                prompt = process_item(prompt)
            self.history[prompt[1]] = {"prompt": prompt, "outputs": {}, "status": copy.deepcopy(status._asdict())}
            self.history[prompt[1]].update(history_result)


class RouteTable:
    """Collects what the real one, aiohttp's `RouteTableDef`, does: (method, path, handler)."""

    def __init__(self):
        self.defined = []

    def route(self, method, path):
        def define(handler):
            self.defined.append((method, path, handler))
            return handler

        return define


class PromptServer:
    instance = None

    def __init__(self):
        self.prompt_queue = PromptQueue()
        self.routes = RouteTable()
        self.shown = []

    def send_progress_text(self, text, node_id, sid=None):
        self.shown.append((node_id, text))


PromptServer.instance = PromptServer()
