"""Settings, command line and state, shaped as A1111's."""

import json
import types

cmd_opts = types.SimpleNamespace()
state = types.SimpleNamespace(job="", interrupted=False, skipped=False)


class OptionInfo:
    def __init__(
        self, default=None, label="", component=None, component_args=None, onchange=None, section=None, refresh=None
    ):
        self.default, self.label, self.component = default, label, component
        self.component_args, self.onchange, self.section = component_args, onchange, section


class Options:
    """Attributes are settings; what was stored before counts before a default."""

    def __init__(self, **kept):
        self.__dict__.update(data=dict(kept), data_labels={})

    def __getattr__(self, name):
        if name in self.data:
            return self.data[name]
        if name in self.data_labels:
            return self.data_labels[name].default
        raise AttributeError(name)

    def add_option(self, name, info):
        self.data_labels[name] = info
        self.data.setdefault(name, info.default)

    def set(self, name, value):
        before = self.data.get(name)
        if before == value:
            return False
        self.data[name] = value
        changed = self.data_labels[name].onchange if name in self.data_labels else None
        if changed is not None:
            try:
                changed()
            except Exception:
                self.data[name] = before
                return False
        return True

    def dumpjson(self):
        return json.dumps(self.data)


opts = Options(samples_format="png")
