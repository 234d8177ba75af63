"""The peer: as little as a Gradio app can be."""

import gradio as gr

with gr.Blocks() as demo:
    gr.Textbox(label="Prompt")

if __name__ == "__main__":
    demo.launch()
