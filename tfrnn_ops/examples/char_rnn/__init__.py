"""Character-level language model: reads a text, learns to continue it, writes new text.

Run `python -m tfrnn_ops.examples.char_rnn train`, then `... generate`; `... compare`
times the same model with tfrnn_ops and with Keras layers.

The model predicts the next character from all earlier ones (Graves 2013, "Generating
sequences with recurrent neural networks"; Karpathy 2015, "The unreasonable effectiveness
of recurrent neural networks"). Where to read what:

    corpus.py      text to numbers, and the contiguous streams a batch is made of
    model.py       embedding, recurrent layers, softmax
    trainer.py     truncated backpropagation through time with carried state
    train.py       the command around it
    generate.py    sampling from a trained model
    compare.py     the same training with tfrnn_ops and with Keras
    stop.py        the end on Ctrl-C
    checkpoint.py  one file with everything needed to go on exactly
    schedule.py    how long, and the learning rate on the way
    report.py      progress bar, TensorBoard, curves
"""
