package org.loft4j.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Models;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.StackedExperts;
import org.loft4j.nn.StackedLinears;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeHeap;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A process that takes two steps on the bench model and prints the largest resident size that it had, in bytes. */
final class MemoryProbe {
    static final int ROWS = 4;
    static final int COLUMNS = 256;

    /** Experts in MXFP4. */
    static final String PACKED = "packed";

    private MemoryProbe() {}

    /** @param name of a {@link MemoryKind}, or {@link #PACKED} */
    static Model model(String name, Dtype dtype, LoadIn loadIn) throws IOException {
        Path directory = goneAtExit(Files.createTempDirectory(name));
        if (name.equals(PACKED)) {
            writePacked(directory);
            return Models.open(directory, kind(name).options().withDtype(dtype));
        }
        goneAtExit(directory.resolve("config.json"));
        kind(name).write(directory);
        ModelOptions options = kind(name).options().withDtype(dtype);
        if (loadIn == LoadIn.FULL) {
            return Models.initialise(directory, options);
        }
        try (NativeScope scope = new NativeScope();
                Model floats = Models.initialise(directory, options)) {
            SafetensorsWriter.write(
                    goneAtExit(directory.resolve("model.safetensors")),
                    floats.weights().asMap(),
                    Map.of());
        }
        return Models.open(directory, options.withLoadIn(loadIn));
    }

    /** As it is reckoned with, without numbers. */
    static Model outline(String name, Dtype dtype) throws IOException {
        return name.equals(PACKED)
                ? model(name, dtype, LoadIn.FULL)
                : Models.initialise(
                        written(name), kind(name).options().withDtype(dtype).withDevice(DeviceSpec.META));
    }

    private static Path written(String name) throws IOException {
        Path directory = goneAtExit(Files.createTempDirectory(name));
        goneAtExit(directory.resolve("config.json"));
        kind(name).write(directory);
        return directory;
    }

    /** Packed experts are those of the bench model's size. */
    static MemoryKind kind(String name) {
        return MemoryKind.of(name.equals(PACKED) ? "plain" : name);
    }

    /** Files before their directory, as the last that is named goes first. */
    private static Path goneAtExit(Path path) {
        path.toFile().deleteOnExit();
        return path;
    }

    /** Writes a checkpoint of the same sizes whose experts are in MXFP4. */
    private static void writePacked(Path directory) throws IOException {
        ObjectNode config = MemoryKind.sized("""
                {"model_type": "gpt_oss", "intermediate_size": 352, "num_local_experts": 16, "num_experts_per_tok": 4}
                """);
        Path file = goneAtExit(directory.resolve("config.json"));
        Json.write(file, config);
        try (NativeScope scope = new NativeScope();
                Model floats = Models.initialise(directory, ModelOptions.of(Task.CAUSAL_LM))) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            floats.weights().asMap().forEach((name, tensor) -> {
                if (tensor.dim() == 3) {
                    long[] shape = {tensor.size(0), tensor.size(2), tensor.size(1) / 32, 16};
                    tensors.put(name + "_blocks", full(0x25, shape));
                    tensors.put(name + "_scales", full(121, Arrays.copyOf(shape, 3)));
                } else {
                    tensors.put(name, tensor);
                }
            });
            SafetensorsWriter.write(goneAtExit(directory.resolve("model.safetensors")), tensors, Map.of());
        }
        config.putObject("quantization_config").put("quant_method", "mxfp4");
        Json.write(file, config);
    }

    private static Tensor full(int value, long... shape) {
        return Tensors.empty(Dtype.U8, DeviceSpec.CPU, shape).fill_(new Scalar(value));
    }

    static MemoryPlan.Attention attention(Model model) {
        boolean writes = model.task() == Task.SEQ2SEQ_LM;
        boolean bert = model.description().family().equals("bert");
        boolean distances = model.description().family().equals("t5");
        return new MemoryPlan.Attention(8, distances || bert, writes || bert, distances);
    }

    /** Of all layers, and of experts in one tensor that PEFT would find. */
    static LoraConfig lora(Model model) {
        return model.description().family().equals("granitemoe")
                ? LoraConfig.of(16, 16, TargetModules.allLinear())
                : LoraConfig.of(16, 16, TargetModules.allLinear())
                        .withTargetParameters(StackedExperts.of(model).stream()
                                .map(StackedLinears::parameter)
                                .toList());
    }

    static TrainConfig config(Method method, boolean checkpointing) {
        return TrainConfig.builder(method)
                .batchSize(ROWS)
                .learningRate(1e-4)
                .gradientCheckpointing(checkpointing)
                // no checkpoint is written here
                .saveInBackground(false)
                .build();
    }

    /** What is reckoned of {@link #main}. */
    static MemoryEstimate estimate(Model outline, String kind, String method, boolean checkpointing, LoadIn loadIn) {
        MemoryPlan plan = new MemoryPlan(
                config(Method.parse(method), checkpointing),
                lora(outline),
                loadIn,
                kind(kind).load(),
                attention(outline));
        return MemoryEstimate.of(outline, plan, DeviceSpec.CPU);
    }

    /** Arguments: method, dtype, whether to checkpoint, the kind of the model, how its frozen matrices are kept. */
    public static void main(String[] args) throws IOException {
        Dtype dtype = Dtype.parse("dtype", args[1]);
        TrainConfig config = config(Method.parse(args[0]), Boolean.parseBoolean(args[2]));
        try (Model model = model(args[3], dtype, LoadIn.valueOf(args[4]));
                Trainable trainable = Trainable.create(model, lora(model), config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 100);
            for (int step = 0; step < 2; step++) {
                trainer.step(List.of(kind(args[3]).batch(step)), step);
                // as a run does
                NativeHeap.trimNowAndThen(step + 1L);
            }
        }
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                System.out.println(1024 * Long.parseLong(line.replaceAll("[^0-9]", "")));
            }
        }
    }
}
