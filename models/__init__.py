"""The models that come with cloudedge: one self-contained .onnx file each."""
