package org.loft4j.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.loft4j.hostile.HostileFormat;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.ImageShape;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The config.json of every kind of model, beside weights that are sound; what can be opened is asked once. */
class DamagedModelConfigTest implements HostileFormat {
    private static final List<String> FIXTURES = List.of(
            "bert_cls",
            "deberta_v2_cls_conv",
            "deberta_v3_tok",
            "distilbert_cls",
            "gemma2_cap",
            "gemma3_text",
            "gpt2_cls",
            "llama3_rope_tied",
            "llama_dynamic",
            "llama_yarn_mscale",
            "mistral_sw",
            "electra_cls",
            "albert_cls",
            "albert_tok",
            "modernbert_cls",
            "modernbert_mean",
            "mpnet_cls",
            "phi3_longrope_short",
            "qwen2_sliding",
            "qwen3",
            "roberta_cls",
            "smollm3_sliding",
            "granite",
            "granitemoehybrid",
            "granitemoehybrid_nope",
            "granitemoehybrid_h",
            "granitemoehybrid_h_groups",
            "granitemoehybrid_moe",
            "granitemoe",
            "deepseek_v3",
            "deepseek_v3_plain",
            "glm4_moe_lite",
            "glm4_moe",
            "deepseek_v2",
            "qwen2_moe",
            "stablelm",
            "stablelm_parallel",
            "glm4",
            "cohere",
            "cohere2",
            "seed_oss",
            "ernie4_5",
            "exaone4",
            "lfm2",
            "lfm2_bias",
            "gpt_neo",
            "gpt_neo_cls",
            "gpt_neox",
            "gpt_neox_serial",
            "opt",
            "opt_post",
            "opt_cls",
            "phi",
            "gemma",
            "starcoder2",
            "olmo2",
            "olmo3_yarn",
            "gemma3",
            "gemma4",
            "gemma4_text",
            "gemma4_moe",
            "llama4",
            "llama4_text",
            "mistral3",
            "qwen2_5_vl",
            "qwen3_vl",
            "qwen3_moe",
            "mixtral_sw",
            "olmoe",
            "gpt_oss",
            "gpt_oss_mxfp4",
            "mistral3_ministral3",
            "qwen3_5",
            "qwen3_5_text",
            "qwen3_5_moe",
            "qwen3_5_moe_text",
            "qwen3_next",
            "qwen3_next_tied",
            "vit_cls",
            "deit",
            "dinov2",
            "dinov2_registers");

    @Override
    public List<Path> lay(Path folder) throws IOException {
        List<Path> configs = new ArrayList<>();
        for (String name : FIXTURES) {
            Path from = Fixture.directory(name);
            Path to = Files.createDirectory(folder.resolve(name));
            Files.copy(from.resolve("model.safetensors"), to.resolve("model.safetensors"));
            configs.add(Files.copy(from.resolve("config.json"), to.resolve("config.json")));
        }
        return configs;
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        Path directory = damaged.getParent();
        Models.maxPositions(directory);
        Models.labels(directory);
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(directory, ModelOptions.of(Models.defaultTask(directory)))) {
            ImageShape images = model.imageShape();
            // a config may leave fewer positions, which is no fault of its own
            long tokens = Math.min(5, model.description().maxPositions());
            model.logits(
                    images == null
                            ? new TokenInput(
                                    Tensors.of(new long[] {3, 1, 4, 1, 5}, 1, 5).narrow(1, 0, tokens),
                                    Tensors.of(new long[] {1, 1, 1, 1, 1}, 1, 5).narrow(1, 0, tokens))
                            : new ImageInput(Tensors.zeros(
                                    Dtype.F32, DeviceSpec.CPU, 1, images.channels(), images.height(), images.width())));
        }
    }

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "true",
                "false",
                "[]",
                "{}",
                "\"\"",
                "\"gelu\"",
                "\"silu\"",
                "\"llama\"",
                "\"bert\"",
                "\"gpt2\"",
                "\"rope_scaling\"",
                "\"num_hidden_layers\"",
                "\"num_attention_heads\"",
                "\"num_key_value_heads\"",
                "\"head_dim\"",
                "\"hidden_size\"",
                "\"vocab_size\"",
                "\"num_labels\"",
                "\"id2label\"",
                "\"sliding_window\"",
                "\"layer_types\"",
                "\"pad_token_id\"",
                "{\"rope_type\": \"yarn\", \"factor\": 1e9}",
                "{\"type\": \"linear\", \"factor\": -1}",
                "\"patch_size\"",
                "\"image_size\"",
                "\"LlamaForCausalLM\"",
                "\"BertForTokenClassification\"");
    }
}
