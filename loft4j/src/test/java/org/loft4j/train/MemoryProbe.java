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
import org.loft4j.data.MiniBatch;
import org.loft4j.data.SourceTargetBatch;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
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

    /** Tokens that are written of as many that are read. */
    private static final int WRITTEN = 96;

    /** The bench model, and others of the same sizes, by what their layers have: config.json. */
    private static final Map<String, String> CONFIGS = Map.ofEntries(
            // four blocks read and four write
            Map.entry("writes", """
            {"model_type": "t5", "is_encoder_decoder": true, "d_ff": 1408, "d_model": 512, "d_kv": 64, "num_layers": 4,
             "num_heads": 8, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false, "dropout_rate": 0.1,
            """),
            // likewise, with norms behind and without distances
            Map.entry("summaries", """
            {"model_type": "bart", "is_encoder_decoder": true, "d_model": 512, "encoder_layers": 4, "decoder_layers": 4,
             "encoder_attention_heads": 8, "decoder_attention_heads": 8, "encoder_ffn_dim": 1408, "decoder_ffn_dim": 1408,
             "dropout": 0.1,
            """),
            Map.entry("plain", """
            {"model_type": "llama", "intermediate_size": 1408,
            """),
            // four together are as wide as that model's feed-forward part
            Map.entry("experts", """
            {"model_type": "qwen3_moe", "intermediate_size": 1408, "num_experts": 16, "num_experts_per_tok": 4,
             "moe_intermediate_size": 352, "norm_topk_prob": true,
            """),
            // in three of four blocks
            Map.entry("linear", """
            {"model_type": "qwen3_5_text", "intermediate_size": 1408, "linear_num_key_heads": 4,
             "linear_num_value_heads": 8, "linear_key_head_dim": 64, "linear_value_head_dim": 64,
            """),
            // in six of eight blocks
            Map.entry("convolution", """
            {"model_type": "lfm2", "intermediate_size": 1408, "block_auto_adjust_ff_dim": false, "full_attn_idxs": [2, 5],
            """),
            // in six of eight blocks
            Map.entry("states", """
            {"model_type": "granitemoehybrid", "num_local_experts": 0, "shared_intermediate_size": 1408,
             "layer_types": ["mamba", "mamba", "attention", "mamba", "mamba", "attention", "mamba", "mamba"],
             "mamba_n_heads": 16, "mamba_d_head": 64, "mamba_d_state": 128, "attention_multiplier": 0.125,
            """),
            // two parts that read the same states
            Map.entry("parallel", """
            {"model_type": "gpt_neox", "intermediate_size": 2048,
            """),
            // and a window of 64 tokens in every other layer
            Map.entry("bounded", """
            {"model_type": "gemma2", "intermediate_size": 1408, "query_pre_attn_scalar": 64, "sliding_window": 64,
            """),
            // experts in one tensor beside a shared one, and linear attention
            Map.entry("shared", """
            {"model_type": "qwen3_5_moe_text", "linear_num_key_heads": 4, "linear_num_value_heads": 8,
             "linear_key_head_dim": 64, "linear_value_head_dim": 64, "num_experts": 16, "num_experts_per_tok": 3,
             "moe_intermediate_size": 352, "shared_expert_intermediate_size": 352,
            """),
            // latent attention, and experts that are scored one by one beside a shared one
            Map.entry("latent", """
            {"model_type": "deepseek_v3", "intermediate_size": 1408, "first_k_dense_replace": 2, "n_routed_experts": 16,
             "num_experts_per_tok": 3, "moe_intermediate_size": 352, "n_group": 4, "topk_group": 2, "q_lora_rank": 192,
             "kv_lora_rank": 128, "qk_rope_head_dim": 64, "qk_nope_head_dim": 64, "v_head_dim": 64,
            """));

    /** Experts in MXFP4. */
    static final String PACKED = "packed";

    private static final String SIZES = """
             "vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8,
             "num_key_value_heads": 8, "head_dim": 64, "max_position_embeddings": 256}
            """;

    private MemoryProbe() {}

    /** @param kind one of those above, or {@link #PACKED} */
    static Model model(String kind, Dtype dtype) throws IOException {
        Path directory = goneAtExit(Files.createTempDirectory(kind));
        ModelOptions options = ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype);
        if (kind.equals(PACKED)) {
            writePacked(directory);
            return Models.open(directory, options);
        }
        Files.writeString(goneAtExit(directory.resolve("config.json")), CONFIGS.get(kind) + SIZES);
        return Models.initialise(
                directory, List.of("writes", "summaries").contains(kind) ? options.withTask(Task.SEQ2SEQ_LM) : options);
    }

    /** Files before their directory, as the last that is named goes first. */
    private static Path goneAtExit(Path path) {
        path.toFile().deleteOnExit();
        return path;
    }

    /** Writes a checkpoint of the same sizes whose experts are in MXFP4. */
    private static void writePacked(Path directory) throws IOException {
        String config = """
                {"model_type": "gpt_oss", "intermediate_size": 352, "num_local_experts": 16, "num_experts_per_tok": 4,
                """ + SIZES;
        Files.writeString(goneAtExit(directory.resolve("config.json")), config);
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
        Files.writeString(
                directory.resolve("config.json"),
                config.replaceFirst("\\{", "{\"quantization_config\": {\"quant_method\": \"mxfp4\"}, "));
    }

    private static Tensor full(int value, long... shape) {
        return Tensors.empty(Dtype.U8, DeviceSpec.CPU, shape).fill_(new Scalar(value));
    }

    private static Batch written(long[] ids) {
        long[] some = Arrays.copyOf(ids, ROWS * WRITTEN);
        long[] mask = new long[some.length];
        Arrays.fill(mask, 1);
        return new Batch(ROWS, WRITTEN, some, mask, some.clone(), some.length, some.length);
    }

    /** What {@link #main} gives a model. */
    static MemoryPlan.Load load(Model model) {
        MemoryPlan.Load load = new MemoryPlan.Load(ROWS, COLUMNS, 0, 0);
        return model.task() == Task.SEQ2SEQ_LM ? load.writing(WRITTEN + 1, 0) : load;
    }

    static MemoryPlan.Attention attention(Model model) {
        boolean writes = model.task() == Task.SEQ2SEQ_LM;
        boolean distances = model.description().family().equals("t5");
        return new MemoryPlan.Attention(8, distances, writes, distances);
    }

    /** Of all layers, and of experts in one tensor. */
    static LoraConfig lora(Model model) {
        return LoraConfig.of(16, 16, TargetModules.allLinear())
                .withTargetParameters(model.stackedLinears().stream()
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

    /** Arguments: method, dtype, whether to checkpoint, the kind of the model. */
    public static void main(String[] args) throws IOException {
        Dtype dtype = Dtype.parse("dtype", args[1]);
        TrainConfig config = config(Method.parse(args[0]), Boolean.parseBoolean(args[2]));
        try (Model model = model(args[3], dtype);
                Trainable trainable = Trainable.create(model, lora(model), config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 100);
            long[] ids = new SplittableRandom(1)
                    .longs((long) ROWS * COLUMNS, 0, 8192)
                    .toArray();
            long[] mask = new long[ids.length];
            Arrays.fill(mask, 1);
            Batch texts = new Batch(ROWS, COLUMNS, ids, mask, ids.clone(), ids.length, ids.length - ROWS);
            MiniBatch batch = model.task() == Task.SEQ2SEQ_LM ? new SourceTargetBatch(texts, written(ids)) : texts;
            for (int step = 0; step < 2; step++) {
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
