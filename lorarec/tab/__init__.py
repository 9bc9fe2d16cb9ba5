"""The Gradio tab: what the API can do, for a WebUI's tab and for `lorarec ui`. The only folder that knows Gradio."""
