package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;

/** The part of a transformer block that treats each position by itself. */
public sealed interface FeedForward permits FeedForward.Dense, MixtureOfExperts {
    /** Maps {@code (…, hidden)} to the same shape. */
    Tensor forward(Tensor x);

    /** {@link #forward} where the gradients alone are asked for: {@link Linear#forGradient}. */
    Tensor forGradient(Tensor x);

    /** Its layers in order of use. */
    List<Linear> linears();

    /** One that treats all positions alike. */
    sealed interface Dense extends FeedForward {
        /** What the last layer gets, {@code (…, width)} for {@code (…, hidden)}. */
        Tensor widened(Tensor x);

        /** The last layer. */
        Linear down();

        @Override
        default Tensor forward(Tensor x) {
            return down().forward(widened(x));
        }

        @Override
        default Tensor forGradient(Tensor x) {
            return down().forGradient(widened(x));
        }
    }

    /** {@code down(act(up(x)))}; Vaswani et al. 2017 (arXiv:1706.03762), equation 2. */
    record Plain(Linear up, Linear down, Activation activation) implements Dense {
        @Override
        public Tensor widened(Tensor x) {
            return activation.apply(up.forward(x));
        }

        @Override
        public List<Linear> linears() {
            return List.of(up, down);
        }
    }

    /** {@code down(act(gate(x)) ⊙ up(x))}; Shazeer 2020 (arXiv:2002.05202), equation 6. */
    record Gated(Linear gate, Linear up, Linear down, Activation activation) implements Dense {
        @Override
        public Tensor widened(Tensor x) {
            List<Tensor> both = Linear.forwardAll(List.of(gate, up), x);
            return GatedActivation.of(activation, both.get(0), both.get(1));
        }

        @Override
        public List<Linear> linears() {
            return List.of(gate, up, down);
        }
    }

    /** The same with gate and up in one matrix, the gate's rows first. */
    record FusedGated(Linear gateUp, Linear down, Activation activation) implements Dense {
        @Override
        public Tensor widened(Tensor x) {
            Tensor both = gateUp.forward(x);
            long width = both.size(-1) / 2;
            return GatedActivation.of(activation, both.narrow(-1, 0, width), both.narrow(-1, width, width));
        }

        @Override
        public List<Linear> linears() {
            return List.of(gateUp, down);
        }
    }

    /**
     * {@code down((up(x) + 1) ⊙ g·σ(α·g))}, with gate and up in turns in one matrix and both held within a limit, as gpt-oss has it;
     * OpenAI 2025 (arXiv:2508.10925), section 2.1.
     */
    record Clamped(Linear gateUp, Linear down, Shape shape) implements Dense {
        /**
         * What does not depend on the input.
         *
         * @param limit that the gate does not exceed, and up in neither direction
         * @param alpha of the sigmoid
         */
        public record Shape(double limit, double alpha) {}

        @Override
        public Tensor widened(Tensor x) {
            Tensor both = gateUp.forward(x).unflatten(-1, -1, 2);
            ScalarOptional limit = new ScalarOptional(new Scalar(shape.limit()));
            Tensor gate = both.select(-1, 0).clamp(new ScalarOptional(), limit);
            Tensor up = both.select(-1, 1).clamp(new ScalarOptional(new Scalar(-shape.limit())), limit);
            Tensor activated = gate.mul(gate.mul(new Scalar(shape.alpha())).sigmoid_());
            Tensor more = up.add(new Scalar(1.0));
            // in memory that no backward pass will ask for
            return GradMode.is_enabled() ? activated.mul(more) : activated.mul_(more);
        }

        @Override
        public List<Linear> linears() {
            return List.of(gateUp, down);
        }
    }
}
