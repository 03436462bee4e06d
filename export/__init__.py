"""The torch stage: photos in, a described ONNX model out; run from a checkout as `python -m export COMMAND`."""
