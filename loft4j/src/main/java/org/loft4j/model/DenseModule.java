package org.loft4j.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.TensorInfo;
import org.loft4j.nn.Activation;
import org.loft4j.nn.VectorLayers;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * A module {@code Dense} of sentence-transformers, which lies behind the pooling in a folder of its own.
 *
 * @param folder with its config.json and model.safetensors
 * @param in numbers that it reads
 * @param out numbers that it gives
 * @param bias whether it has one
 * @param activation null for none
 */
public record DenseModule(
        Path folder,
        long in,
        long out,
        boolean bias,
        @Nullable Activation activation) {
    /** Its files. */
    static final List<String> FILES = List.of("config.json", "model.safetensors");

    private static final String CONFIG = FILES.get(0);
    private static final String WEIGHTS = FILES.get(1);
    private static final String WEIGHT = "linear.weight";
    private static final String BIAS = "linear.bias";

    /** The name that files have for no activation, and what others are called in torch. */
    private static final String IDENTITY = "torch.nn.modules.linear.Identity";

    private static final Map<String, Activation> ACTIVATIONS = Map.of(
            "torch.nn.modules.activation.Tanh", Activation.TANH,
            "torch.nn.modules.activation.ReLU", Activation.RELU,
            "torch.nn.modules.activation.GELU", Activation.GELU,
            "torch.nn.modules.activation.SiLU", Activation.SILU);

    /**
     * Reads what a folder says of it, and of its weights what they are called and shaped.
     *
     * @throws CheckpointException for what is not computed here
     */
    static DenseModule read(Path folder) throws CheckpointException {
        JsonObject json = Json.read(folder.resolve(CONFIG));
        String named = json.stringOr("activation_function", "torch.nn.modules.activation.Tanh");
        Activation activation = ACTIVATIONS.get(named);
        if (activation == null && !named.equals(IDENTITY)) {
            throw json.fault(
                    "activation_function",
                    "must be " + IDENTITY + " or one of "
                            + String.join(
                                    ", ", ACTIVATIONS.keySet().stream().sorted().toList()) + ", found " + named);
        }
        if (json.booleanOr("use_residual", false)) {
            throw json.fault("use_residual", "is true: a residual around a Dense module is not computed here");
        }
        for (String key : List.of("module_input_name", "module_output_name")) {
            String name = json.stringOr(key, "sentence_embedding");
            if (!name.equals("sentence_embedding")) {
                throw json.fault(key, "must be sentence_embedding, found " + name);
            }
        }
        DenseModule module = new DenseModule(
                folder,
                json.requireInt("in_features", 1),
                json.requireInt("out_features", 1),
                json.booleanOr("bias", true),
                activation);
        module.checkWeights();
        return module;
    }

    private void checkWeights() throws CheckpointException {
        Path weights = folder.resolve(WEIGHTS);
        if (!Files.exists(weights)) {
            throw new CheckpointException(
                    folder,
                    "has no " + WEIGHTS + ": a Dense module is read from safetensors alone; save the model anew with"
                            + " sentence-transformers (save_pretrained with safe_serialization=True)");
        }
        try (SafetensorsFile file = SafetensorsFile.open(weights)) {
            requireShape(file, WEIGHT, out, in);
            if (bias) {
                requireShape(file, BIAS, out);
            }
        }
    }

    private static void requireShape(SafetensorsFile file, String name, long... shape) throws CheckpointException {
        TensorInfo info = file.info(name);
        if (!Arrays.equals(info.shape(), shape) || !info.dtype().isFloating()) {
            throw new CheckpointException(
                    file.path(),
                    "tensor " + info + " must have floating numbers of shape " + Shapes.text(shape) + ", as " + CONFIG
                            + " beside it says");
        }
    }

    /** Reads its matrix {@code (out, in)}, which belongs to the open scope. */
    public Tensor weight() throws CheckpointException {
        try (SafetensorsFile file = SafetensorsFile.open(folder.resolve(WEIGHTS))) {
            return file.read(WEIGHT);
        }
    }

    /** Whether the other one has the same numbers, wherever it lies. */
    boolean isSame(DenseModule other) throws CheckpointException {
        if (!equals(other)) {
            return false;
        }
        try (NativeScope scope = new NativeScope();
                SafetensorsFile own = SafetensorsFile.open(folder.resolve(WEIGHTS));
                SafetensorsFile others = SafetensorsFile.open(other.folder.resolve(WEIGHTS))) {
            return Tensors.bitEqual(own.read(WEIGHT), others.read(WEIGHT))
                    && (!bias || Tensors.bitEqual(own.read(BIAS), others.read(BIAS)));
        }
    }

    /** Whether the other one says the same of itself, wherever it lies. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof DenseModule that
                && in == that.in
                && out == that.out
                && bias == that.bias
                && activation == that.activation;
    }

    @Override
    public int hashCode() {
        return Objects.hash(in, out, bias, activation);
    }

    /** Copies its files into a folder. */
    void copy(Path to) throws IOException {
        Files.createDirectories(to);
        for (String file : FILES) {
            Files.copy(folder.resolve(file), to.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Reads the weights of several; on {@link DeviceSpec#META} their shapes alone. The caller closes them. */
    static VectorLayers open(List<DenseModule> modules, DeviceSpec device) throws CheckpointException {
        try (NativeScope scope = new NativeScope()) {
            List<VectorLayers.Dense> layers = new ArrayList<>();
            for (DenseModule module : modules) {
                layers.add(module.layer(device));
            }
            VectorLayers all = new VectorLayers(layers);
            all.keep();
            return all;
        }
    }

    private VectorLayers.Dense layer(DeviceSpec device) throws CheckpointException {
        if (device.equals(DeviceSpec.META)) {
            return new VectorLayers.Dense(Tensors.empty(Dtype.F32, device, out, in), null, activation);
        }
        try (SafetensorsFile file = SafetensorsFile.open(folder.resolve(WEIGHTS))) {
            return new VectorLayers.Dense(
                    read(file, WEIGHT, device), bias ? read(file, BIAS, device) : null, activation);
        }
    }

    private static Tensor read(SafetensorsFile file, String name, DeviceSpec device) throws CheckpointException {
        return file.read(name).to(device.torch(), Dtype.F32.scalarType());
    }
}
