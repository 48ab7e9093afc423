"""Classify texts with the exported model: python predict.py "first text" "second text"

Prints the label, its probability and the text, one line for each text.
Needs onnxruntime and tokenizers only.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
MODEL = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
SETTINGS = json.loads((HERE / "preprocessor.json").read_text(encoding="utf-8"))


def predict(texts: list[str]) -> np.ndarray:
    """Probabilities [N, classes] of the texts; each text is answered by itself."""
    tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
    tokenizer.enable_truncation(SETTINGS["max_length"])
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
    rows = []
    for text in texts:
        encoding = tokenizer.encode(text)
        known = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        feed = {name: np.array([known[name]], dtype=np.int64) for name in MODEL["input_names"]}
        logits = session.run(["logits"], feed)[0][0]
        weights = np.exp(logits - logits.max())
        rows.append(weights / weights.sum())
    return np.array(rows)


if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        sys.exit()
    if len(sys.argv) < 2:
        sys.exit('Expected is at least one text: python predict.py "I love it"')
    for text, row in zip(sys.argv[1:], predict(sys.argv[1:]), strict=True):
        print(f"{MODEL['labels'][row.argmax()]}\t{row.max():.3f}\t{text}")
