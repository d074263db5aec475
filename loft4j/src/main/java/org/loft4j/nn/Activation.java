package org.loft4j.nn;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.ConfigException;
import org.loft4j.tensor.Lanes;

/** The nonlinearity of a feed-forward block, by the names that config.json's {@code hidden_act} uses. */
public enum Activation {
    /** {@code x·Φ(x)} with the exact error function; Hendrycks and Gimpel 2016 (arXiv:1606.08415), section 2. */
    GELU,
    /** Its approximation {@code x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))}, of the same section. */
    GELU_TANH,
    /** {@code max(0, x)}. */
    RELU,
    /** {@code x·σ(x)}; Elfwing, Uchibe and Doya 2017 (arXiv:1702.03118), equation 3. */
    SILU,
    /** The hyperbolic tangent. */
    TANH;

    /** Numbers that several threads take less long for where they must be woken. */
    private static final long MANY = 1 << 20;

    private static final Map<String, Activation> BY_NAME = Map.of(
            "gelu", GELU,
            "gelu_new", GELU_TANH,
            "gelu_pytorch_tanh", GELU_TANH,
            "gelu_fast", GELU_TANH,
            "relu", RELU,
            "silu", SILU,
            "swish", SILU,
            "tanh", TANH);

    /** The activation of a name in config.json; an unknown name is an error that lists the known ones. */
    public static Activation parse(String field, String name) {
        Activation activation = BY_NAME.get(name);
        if (activation == null) {
            throw new ConfigException(field + " must be one of "
                    + String.join(", ", BY_NAME.keySet().stream().sorted().toList()) + ", got " + name);
        }
        return activation;
    }

    /** Of each number, in a new tensor. */
    public Tensor apply(Tensor x) {
        return x.numel() > MANY && Lanes.isAlone() ? Lanes.together(() -> of(x)) : of(x);
    }

    private Tensor of(Tensor x) {
        return switch (this) {
            case GELU -> torch.gelu(x);
            case GELU_TANH -> torch.gelu(x, "tanh");
            case RELU -> torch.relu(x);
            case SILU -> torch.silu(x);
            case TANH -> torch.tanh(x);
        };
    }

    /** {@code ofY ← act′(x) ⊙ ofY}: the gradient of x takes the place of that of its activation. */
    void toGradient(Tensor ofY, Tensor x) {
        switch (this) {
            case GELU -> torch.gelu_backward_out(ofY, ofY, x);
            case GELU_TANH -> torch.gelu_backward_out(ofY, ofY, x, "tanh");
            case RELU -> torch.threshold_backward_out(ofY, ofY, x, new Scalar(0.0));
            case SILU -> torch.silu_backward_out(ofY, ofY, x);
            case TANH -> torch.tanh_backward_out(ofY, ofY, torch.tanh(x));
        }
    }
}
