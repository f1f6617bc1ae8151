"""What the package does, seen from within."""

from tfrnn_ops.fused import common


def spy_on_fused_ops(monkeypatch):
    """A list that gets `(op, dtype)` for each fused op that is called in eager mode, or traced."""
    called = []
    original = common.FusedOp.function

    def function(self, suffix):
        def run(inputs, *arguments, **attributes):
            called.append((self.op + suffix, inputs[0].dtype.name))
            return original(self, suffix)(inputs, *arguments, **attributes)

        return run

    monkeypatch.setattr(common.FusedOp, "function", function)
    return called
