package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/** How the frequencies of a rotary embedding are stretched for sequences longer than those of pretraining. */
public sealed interface RopeScaling {
    /**
     * The frequencies {@code θᵢ}.
     *
     * @param exponents {@code 2i/d} for {@code i < d/2}, in the type of the angles
     * @param base {@code rope_theta}
     * @param length of the longest sequence of the pass, in tokens
     */
    Tensor frequencies(Tensor exponents, double base, long length);

    /** What cosines and sines are multiplied with. */
    default double attentionFactor() {
        return 1;
    }

    /** Lengths with the same number have the same frequencies. */
    default long variant(long length) {
        return 0;
    }

    /** Whether heads are turned at all. */
    default boolean turns() {
        return true;
    }

    /** Whether queries are scaled by their positions in sequences of this length. */
    default boolean scalesQueries(long length) {
        return false;
    }

    /** What queries at these positions are multiplied with, of the same shape. */
    default Tensor queryScale(Tensor positions) {
        return torch.ones_like(positions);
    }

    private static Tensor plain(Tensor exponents, double base) {
        return torch.reciprocal(torch.pow(new Scalar(base), exponents));
    }

    /** As it was pretrained: {@code θᵢ = base^(−2i/d)}. */
    record None() implements RopeScaling {
        @Override
        public Tensor frequencies(Tensor exponents, double base, long length) {
            return plain(exponents, base);
        }
    }

    /**
     * The first pairs of dimensions alone are turned, by the frequencies that they have in a whole head; the others stand still.
     *
     * @param turned how many pairs
     * @param factor that positions are divided by
     */
    record Proportional(int turned, double factor) implements RopeScaling {
        public Proportional {
            Checks.atLeast("the number of rotated pairs", turned, 1);
            Checks.positive("rope_scaling.factor", factor);
        }

        @Override
        public Tensor frequencies(Tensor exponents, double base, long length) {
            Tensor frequencies = plain(exponents, base).div(new Scalar(factor));
            frequencies.narrow(0, turned, exponents.size(0) - turned).zero_();
            return frequencies;
        }
    }

    /** Positions are divided; Chen et al. 2023 (arXiv:2306.15595), equation 4. */
    record Linear(double factor) implements RopeScaling {
        public Linear {
            Checks.positive("rope_scaling.factor", factor);
        }

        @Override
        public Tensor frequencies(Tensor exponents, double base, long length) {
            return plain(exponents, base).div(new Scalar(factor));
        }
    }

    /**
     * The base grows with the length, once it is beyond that of pretraining; the "dynamic NTK" of Peng et al. 2023
     * (arXiv:2309.00071), appendix A.1.
     *
     * @param maxPositions length of pretraining
     */
    record Dynamic(double factor, long maxPositions) implements RopeScaling {
        public Dynamic {
            Checks.positive("rope_scaling.factor", factor);
        }

        @Override
        public Tensor frequencies(Tensor exponents, double base, long length) {
            double dim = 2.0 * exponents.size(0);
            double growth = factor * variant(length) / maxPositions - (factor - 1);
            return plain(exponents, base * Math.pow(growth, dim / (dim - 2)));
        }

        @Override
        public long variant(long length) {
            return Math.max(length, maxPositions);
        }
    }

    /**
     * Llama 3.1's: long waves are stretched, short ones left, and those between are mixed, of which there are none where the two
     * factors are one, as in Llama 4; Grattafiori et al. 2024 (arXiv:2407.21783).
     *
     * @param original length of pretraining
     */
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, long original)
            implements RopeScaling {
        public Llama3 {
            Checks.positive("rope_scaling.factor", factor);
            if (!(highFrequencyFactor >= lowFrequencyFactor)) {
                throw new ConfigException("rope_scaling.high_freq_factor must not be below low_freq_factor, got "
                        + highFrequencyFactor + " and " + lowFrequencyFactor);
            }
        }

        @Override
        public Tensor frequencies(Tensor exponents, double base, long length) {
            Tensor plain = plain(exponents, base);
            Tensor turns = torch.reciprocal(plain)
                    .mul(new Scalar(2 * Math.PI))
                    .reciprocal()
                    .mul(new Scalar((double) original));
            // 0 where a wave turns at most lowFrequencyFactor times within the original length, 1 from
            // highFrequencyFactor on
            Tensor kept = turns.sub(new Scalar(lowFrequencyFactor))
                    .div(new Scalar(highFrequencyFactor - lowFrequencyFactor))
                    .clamp_(
                            new org.bytedeco.pytorch.ScalarOptional(new Scalar(0.0)),
                            new org.bytedeco.pytorch.ScalarOptional(new Scalar(1.0)));
            Tensor stretched = plain.div(new Scalar(factor));
            return torch.lerp(stretched, plain, kept);
        }
    }

    /**
     * YaRN; Peng et al. 2023 (arXiv:2309.00071), section 3.2 and, for the attention factor, equation 22.
     *
     * @param betaFast waves that turn more often within the original length are left as they are
     * @param betaSlow waves that turn less often are stretched in full
     * @param truncate whether the dimensions between the two are rounded outwards to whole ones
     */
    record Yarn(
            double factor, double attentionFactor, double betaFast, double betaSlow, long original, boolean truncate)
            implements RopeScaling {
        public Yarn {
            Checks.positive("rope_scaling.factor", factor);
        }

        @Override
        public Tensor frequencies(Tensor exponents, double base, long length) {
            long half = exponents.size(0);
            double low = dimension(betaFast, 2 * half, base);
            double high = dimension(betaSlow, 2 * half, base);
            if (truncate) {
                low = Math.floor(low);
                high = Math.ceil(high);
            }
            low = Math.max(low, 0);
            high = Math.min(high, 2 * half - 1.0);
            double span = low == high ? 0.001 : high - low;
            Tensor stretched = torch.arange(new Scalar(half), exponents.options())
                    .sub(new Scalar(low))
                    .div(new Scalar(span))
                    .clamp_(
                            new org.bytedeco.pytorch.ScalarOptional(new Scalar(0.0)),
                            new org.bytedeco.pytorch.ScalarOptional(new Scalar(1.0)));
            Tensor plain = plain(exponents, base);
            return torch.lerp(plain, plain.div(new Scalar(factor)), stretched);
        }

        /** The dimension whose wave turns so many times within the original length. */
        private double dimension(double turns, long dim, double base) {
            return dim * Math.log(original / (turns * 2 * Math.PI)) / (2 * Math.log(base));
        }

        /** The attention factor where a configuration gives none: {@code 0.1·ln(factor) + 1}. */
        public static double defaultAttentionFactor(double factor, double mscale) {
            return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
        }
    }

    /**
     * Queries that grow where a text is longer than those of pretraining, as Llama 4 and Ministral 3 have it: {@code 1 + β·ln(1 +
     * ⌊(p + s) / L⌋)} at position p.
     *
     * @param frequencies how these are stretched; null where heads are not turned
     * @param beta β, {@code llama_4_scaling_beta}, or Llama 4's {@code attn_scale}
     * @param original L, the length of pretraining, or Llama 4's {@code floor_scale}
     * @param first s, the number of the first position
     */
    record GrowingQueries(@Nullable RopeScaling frequencies, double beta, long original, long first)
            implements RopeScaling {
        public GrowingQueries {
            Checks.within("the number of the first position", first, 0, 1);
        }

        /** Of heads that are turned, as Ministral 3 has it. */
        public GrowingQueries(RopeScaling frequencies, double beta, long original) {
            this(
                    frequencies,
                    Checks.notNegative("rope_scaling.llama_4_scaling_beta", beta),
                    Checks.atLeast("rope_scaling.original_max_position_embeddings", original, 1),
                    0);
        }

        /**
         * Of heads that are not turned, as Llama 4 has it.
         *
         * @param scale {@code attn_scale}
         * @param floor {@code floor_scale}
         */
        public static GrowingQueries unturned(double scale, long floor) {
            return new GrowingQueries(
                    null, Checks.notNegative("attn_scale", scale), Checks.atLeast("floor_scale", floor, 1), 1);
        }

        @Override
        public Tensor frequencies(Tensor exponents, double base, long length) {
            return frequencies == null
                    ? exponents.mul(new Scalar(0.0))
                    : frequencies.frequencies(exponents, base, length);
        }

        @Override
        public double attentionFactor() {
            return frequencies == null ? 1 : frequencies.attentionFactor();
        }

        @Override
        public long variant(long length) {
            return frequencies == null ? 0 : frequencies.variant(length);
        }

        @Override
        public boolean turns() {
            return frequencies != null;
        }

        @Override
        public boolean scalesQueries(long length) {
            return length - 1 + first >= original;
        }

        @Override
        public Tensor queryScale(Tensor positions) {
            return positions
                    .to(Dtype.F64.scalarType())
                    .add(new Scalar((double) first))
                    .div(new Scalar((double) original))
                    .floor_()
                    .log1p_()
                    .mul_(new Scalar(beta))
                    .add_(new Scalar(1));
        }
    }

    /**
     * LongRoPE: a divisor of its own for each frequency, one set for sequences within the original length and one beyond; Ding
     * et al. 2024 (arXiv:2402.13753), as Phi-3 uses it.
     *
     * @param shortFactor up to the original length, one for each pair of dimensions
     * @param longFactor beyond it
     * @param original length of pretraining
     */
    record LongRope(List<Double> shortFactor, List<Double> longFactor, long original, double attentionFactor)
            implements RopeScaling {
        public LongRope {
            shortFactor = List.copyOf(shortFactor);
            longFactor = List.copyOf(longFactor);
        }

        @Override
        public Tensor frequencies(Tensor exponents, double base, long length) {
            List<Double> factors = length > original ? longFactor : shortFactor;
            if (factors.size() != exponents.size(0)) {
                throw new ConfigException("rope_scaling must have " + exponents.size(0)
                        + " short and long factors, one for each pair of rotated dimensions, got " + factors.size());
            }
            double[] values = factors.stream().mapToDouble(f -> f).toArray();
            Tensor divisors = Tensors.of(values, values.length)
                    .to(DeviceSpec.of(exponents).torch(), Dtype.of(exponents).scalarType());
            return torch.reciprocal(divisors.mul(torch.pow(new Scalar(base), exponents)));
        }

        @Override
        public long variant(long length) {
            return length > original ? 1 : 0;
        }
    }
}
