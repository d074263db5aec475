package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Models;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeHeap;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A process that takes three steps on the bench model and prints the largest resident size that it had, in bytes. */
final class MemoryProbe {
    static final int ROWS = 4;
    static final int COLUMNS = 256;

    private MemoryProbe() {}

    static Model model(Dtype dtype) {
        return LlamaModel.random(LlamaConfig.of(8192, 512, 8, 8, 8, 1408, 256), DeviceSpec.CPU, dtype, 1);
    }

    /** Of the same sizes, but 16 experts, of which four together are as wide as that model's feed-forward part. */
    static Model experts(Dtype dtype) throws IOException {
        Path directory = Files.createTempDirectory("experts");
        Files.writeString(directory.resolve("config.json"), """
                {"model_type": "qwen3_moe", "vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 8,
                 "num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 1408,
                 "max_position_embeddings": 256, "num_experts": 16, "num_experts_per_tok": 4,
                 "moe_intermediate_size": 352, "norm_topk_prob": true}
                """);
        return Models.initialise(directory, ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype));
    }

    /** Writes a checkpoint of the same sizes whose experts are in MXFP4. */
    static void writePacked(Path directory) throws IOException {
        String config = """
                {"model_type": "gpt_oss", "vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 8,
                 "num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 352,
                 "max_position_embeddings": 256, "num_local_experts": 16, "num_experts_per_tok": 4}
                """;
        Files.writeString(directory.resolve("config.json"), config);
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
            SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors, Map.of());
        }
        Files.writeString(
                directory.resolve("config.json"),
                config.replaceFirst("\\{", "{\"quantization_config\": {\"quant_method\": \"mxfp4\"}, "));
    }

    private static Tensor full(int value, long... shape) {
        return Tensors.empty(Dtype.U8, DeviceSpec.CPU, shape).fill_(new Scalar(value));
    }

    /** Of the same sizes, with linear attention in three of four blocks. */
    static Model linear(Dtype dtype) throws IOException {
        Path directory = Files.createTempDirectory("linear");
        Files.writeString(directory.resolve("config.json"), """
                {"model_type": "qwen3_5_text", "vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 8,
                 "num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 1408,
                 "max_position_embeddings": 256, "linear_num_key_heads": 4, "linear_num_value_heads": 8,
                 "linear_key_head_dim": 64, "linear_value_head_dim": 64}
                """);
        return Models.initialise(directory, ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype));
    }

    /** Of the same sizes, with bounded scores, of which every other layer has a window of 64 tokens. */
    static Model bounded(Dtype dtype) throws IOException {
        Path directory = Files.createTempDirectory("bounded");
        Files.writeString(directory.resolve("config.json"), """
                {"model_type": "gemma2", "vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 8,
                 "num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 1408,
                 "max_position_embeddings": 256, "query_pre_attn_scalar": 64, "sliding_window": 64}
                """);
        return Models.initialise(directory, ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype));
    }

    /** @param kind plain, experts, linear, bounded, or the directory of a checkpoint */
    static Model model(String kind, Dtype dtype) throws IOException {
        return switch (kind) {
            case "experts" -> experts(dtype);
            case "linear" -> linear(dtype);
            case "bounded" -> bounded(dtype);
            case "plain" -> model(dtype);
            default ->
                Models.open(Path.of(kind), ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype));
        };
    }

    static LoraConfig lora() {
        return LoraConfig.of(16, 16, TargetModules.allLinear());
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

    /** Arguments: method, dtype, whether to checkpoint, the kind of the model or its directory. */
    public static void main(String[] args) throws IOException {
        Dtype dtype = Dtype.parse("dtype", args[1]);
        TrainConfig config = config(Method.parse(args[0]), Boolean.parseBoolean(args[2]));
        try (Model model = model(args[3], dtype);
                Trainable trainable = Trainable.create(model, lora(), config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 100);
            long[] ids = new SplittableRandom(1)
                    .longs((long) ROWS * COLUMNS, 0, 8192)
                    .toArray();
            long[] mask = new long[ids.length];
            Arrays.fill(mask, 1);
            Batch batch = new Batch(ROWS, COLUMNS, ids, mask, ids.clone(), ids.length, ids.length - ROWS);
            for (int step = 0; step < 3; step++) {
                trainer.step(List.of(batch), step);
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
