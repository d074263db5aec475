package org.loft4j.nn;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * A parameter that a model has: its name, shape, and how it starts when no checkpoint gives it.
 *
 * @param name Hugging Face's name, such as {@code model.norm.weight}
 * @param initial what a new parameter holds
 * @param spread what the standard deviation of the model's normal numbers is multiplied by for this one, or its ones
 * @param role what the model does with it
 * @param shape sizes, copied neither in nor out
 */
public record ParameterSpec(String name, Initial initial, double spread, Role role, long... shape) {
    /** What a model does with a parameter: whether it may be kept in fewer bits while it is frozen. */
    public enum Role {
        /** Norms, biases, positions, classifiers: always kept in the dtype of the model. */
        OTHER,
        /** A buffer of Transformers' class: kept in the dtype of the model, and never trained. */
        FIXED,
        /** The same, but float32 at least. */
        WIDE_FIXED,
        /** The vectors of tokens, {@code (vocabulary, hidden)}, before the model or behind it. */
        TOKENS,
        /** The matrix {@code (out, in)} of a linear layer inside the model. */
        LINEAR,
        /** The same, stored {@code (in, out)}. */
        TRANSPOSED_LINEAR,
        /** Matrices {@code (count, out, in)} of linear layers, in one tensor. */
        STACKED_LINEAR,
        /** The same, stored {@code (count, in, out)}. */
        TRANSPOSED_STACKED_LINEAR,
        /** Matrices {@code (count, out, in)} in MXFP4, which a file has as two tensors of bytes; see {@link Mxfp4Weight}. */
        MXFP4
    }

    /** Whether it is a buffer of Transformers' class, which nobody trains. */
    public boolean isFixed() {
        return role == Role.FIXED || role == Role.WIDE_FIXED;
    }

    /** The dtype that it is kept in, in a model of a dtype. */
    public Dtype dtype(Dtype ofModel) {
        return role == Role.WIDE_FIXED && ofModel.isHalf() ? Dtype.F32 : ofModel;
    }

    /** What a new parameter holds. */
    public enum Initial {
        /** Normal numbers of mean 0 and the model's {@code initializer_range}: matrices and embeddings. */
        NORMAL,
        /** Ones: the weights of norms. */
        ONES,
        /** Zeros: biases. */
        ZEROS,
        /** Logarithms of numbers from 0.01 to 16, each as likely: the rates at which linear attention forgets. */
        LOG_RATES,
        /** Logarithms of 1, 2, 3 …: the rates at which the heads of a state space forget. */
        LOG_NUMBERS,
        /** Sines and cosines of the position, the row; Vaswani et al. 2017 (arXiv:1706.03762), section 3.5. */
        SINUSOIDS
    }

    /** A parameter whose normal numbers are the model's. */
    public ParameterSpec(String name, Initial initial, Role role, long... shape) {
        this(name, initial, 1, role, shape);
    }

    /** A parameter that is always kept in the dtype of the model. */
    public ParameterSpec(String name, Initial initial, long... shape) {
        this(name, initial, Role.OTHER, shape);
    }

    /** The vectors of tokens: those that are read, or the output embedding where that has its own. */
    public static ParameterSpec tokens(String name, long vocabulary, long hidden) {
        return new ParameterSpec(name, Initial.NORMAL, Role.TOKENS, vocabulary, hidden);
    }

    /**
     * A new parameter. Random numbers are drawn in float32 on the CPU, so that a seed means the same model on every device.
     *
     * @param std of the model's normal numbers
     * @param generator to draw from, see {@link #generator}
     */
    public Tensor create(double std, Dtype dtype, DeviceSpec device, Generator generator) {
        TensorOptions options = Tensors.options(dtype, device);
        if (device.equals(DeviceSpec.META)) {
            return torch.empty(shape, options, null);
        }
        return switch (initial) {
            case ONES -> torch.full(shape, new Scalar(spread), options);
            case ZEROS -> torch.zeros(shape, options);
            case LOG_RATES ->
                Tensors.empty(Dtype.F32, DeviceSpec.CPU, shape)
                        .uniform_(0.01, 16, new GeneratorOptional(generator))
                        .log_()
                        .to(device.torch(), dtype.scalarType());
            case LOG_NUMBERS ->
                torch.ones(shape, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                        .cumsum(0)
                        .log_()
                        .to(device.torch(), dtype.scalarType());
            case SINUSOIDS ->
                sinusoids(Math.toIntExact(shape[0]), Math.toIntExact(shape[1])).to(device.torch(), dtype.scalarType());
            case NORMAL ->
                Tensors.empty(Dtype.F32, DeviceSpec.CPU, shape)
                        .normal_(0, std * spread, new GeneratorOptional(generator))
                        .to(device.torch(), dtype.scalarType());
        };
    }

    /** Each pair of columns is an angle, position / 10000^(2·pair / width): its sine, then its cosine. */
    private static Tensor sinusoids(int positions, int width) {
        float[] values = new float[Math.multiplyExact(positions, width)];
        for (int i = 0; i < values.length; i++) {
            int column = i % width;
            int position = i / width;
            double angle = position / Math.pow(10000, (column - column % 2) / (double) width);
            values[i] = (float) (column % 2 == 0 ? Math.sin(angle) : Math.cos(angle));
        }
        return Tensors.of(values, positions, width);
    }

    /** The shapes by name, in the order of the list. */
    public static Map<String, long[]> shapes(List<ParameterSpec> specs) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        specs.forEach(spec -> shapes.put(spec.name(), spec.shape()));
        return shapes;
    }

    /** A source of random numbers that leaves libtorch's own alone; it belongs to the open scope. */
    public static Generator generator(long seed) {
        return torch.createCPUGenerator(seed);
    }
}
