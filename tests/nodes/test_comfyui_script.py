"""The browser side, run by Node.js against stand-ins; the same steps were seen in the real frontend."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGE = ROOT / "tests" / "hosts" / "comfyui" / "script_stage.mjs"
APP = """
export const app = {
  extensions: [], changes: 0, graph: { nodes: [], extra: {} },
  queuePrompt() {},
  registerExtension(extension) { app.extensions.push(extension); },
  extensionManager: { workflow: { activeWorkflow: { changeTracker: { checkState() { app.changes += 1; } } } } },
};
"""
WIDGETS = """
export const ComfyWidgets = {
  STRING(node, name) {
    const widget = { name, value: "", options: {}, element: {} };
    node.widgets.push(widget);
    return { widget };
  },
};
"""
API = "export const api = { addEventListener() {}, queuePrompt() {} };"
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
ROWS = '[\n{"name": "ink.safetensors"}\n]'
DONE = {"executed": {"text": ["0.90  ink"], "selection": [ROWS]}}


@pytest.fixture
def play(tmp_path):
    """Run steps; see script_stage.mjs."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "app.js").write_text(APP)
    (scripts / "widgets.js").write_text(WIDGETS)
    (scripts / "api.js").write_text(API)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copytree(ROOT / "javascript", tmp_path / "extensions" / "lora-recommender.v1")

    def play(*steps):
        done = subprocess.run(
            ["node", str(STAGE), str(tmp_path)], input=json.dumps(steps), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return play


def test_a_computed_selection_is_kept_and_the_report_shown(play):
    seen = play({"run": True}, {"progress": "Reading ..."}, DONE)
    assert seen["sent"] == [""]
    assert seen["selection"] == ROWS and seen["changes"] == 1
    assert seen["report"] == "0.90  ink" and seen["size"] == [200, 300]
    assert seen["shown"] == ["prompt", "mode", "selection", "choose anew", "lorarec_report"]
    assert seen["saved"] == ["prompt", "mode", "selection"]  # positions of widget values stay as they were


def test_a_run_without_selection_leaves_it_alone(play):
    seen = play({"set": ["selection", "[]"]}, {"run": True}, {"executed": {"text": ["The selection is empty."]}})
    assert (seen["sent"], seen["selection"], seen["changes"]) == (["[]"], "[]", 0)


def test_what_the_user_wrote_meanwhile_is_not_overwritten(play):
    assert play({"run": True}, {"set": ["selection", "[1]"]}, DONE)["selection"] == "[1]"


def test_always_takes_the_new_selection_but_never_sends_the_old_one(play):
    seen = play({"set": ["mode", "always"]}, {"set": ["selection", "[]"]}, {"run": True}, DONE, {"run": True})
    assert seen["selection"] == ROWS and seen["sent"] == ["", ""]


def test_a_result_never_lands_in_another_workflows_node(play):
    seen = play({"run": True}, {"switch": True}, DONE)
    assert seen["selection"] == "" and seen["report"] == "0.90  ink"


def test_a_list_of_prompts_fills_nothing(play):
    two = {"executed": {"text": ["a", "b"], "selection": [ROWS, "[]"]}}
    seen = play({"run": True}, two)
    assert seen["selection"] == "" and seen["report"] == "a\n\nb"


def test_choose_anew_empties_the_selection(play):
    seen = play({"run": True}, DONE, {"press": "choose anew"}, {"run": True})
    assert seen["selection"] == "" and seen["sent"] == ["", ""] and seen["changes"] == 2
