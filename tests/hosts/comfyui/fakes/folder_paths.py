"""ComfyUI's `folder_paths` as far as the nodes see it: names as the system writes them, first root wins."""

import os

roots: list[str] = []
user: str = ""
output: str = ""
separator: str = os.sep  # tests of Windows workflows set "\\"


def get_folder_paths(folder_name):
    assert folder_name == "loras"
    return [*roots, os.path.join(output, "loras")]  # main.py adds the last one, there or not


def get_filename_list(folder_name):
    assert folder_name == "loras"
    found = set()
    for root in roots:
        for folder, _, files in os.walk(root):
            for file in files:
                if os.path.splitext(file)[1].lower() in {".safetensors", ".sft", ".pt", ".ckpt", ".bin"}:
                    name = os.path.relpath(os.path.join(folder, file), root)
                    found.add(name.replace(os.sep, separator))
    return sorted(found)


def get_full_path(folder_name, filename):
    for root in roots:
        path = os.path.join(root, filename.replace(separator, os.sep))
        if os.path.isfile(path):
            return path
    return None


def get_full_path_or_raise(folder_name, filename):
    path = get_full_path(folder_name, filename)
    if path is None:
        raise FileNotFoundError(f"Model in folder '{folder_name}' with filename '{filename}' not found.")
    return path


def get_user_directory():
    return user


def get_output_directory():
    return output
