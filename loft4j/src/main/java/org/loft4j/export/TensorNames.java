package org.loft4j.export;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.export.TensorPlace.Change;

/**
 * llama.cpp's names for the tensors of Hugging Face checkpoints. They follow the tables of llama.cpp (gguf-py's
 * {@code tensor_mapping.py}, {@code llama-arch.cpp}).
 */
final class TensorNames {
    private static final Pattern BLOCK = Pattern.compile("(?:model\\.layers|layers|transformer\\.h|h)\\.(\\d+)\\.(.+)");
    private static final Pattern SUFFIX = Pattern.compile("(.+)\\.(weight|bias)");

    /** Buffers that checkpoints of old versions hold, and nothing reads. */
    private static final Pattern BUFFER =
            Pattern.compile(".*(\\.rotary_emb\\.inv_freq|\\.attn\\.bias|\\.attn\\.masked_bias)");

    /** The parts of a multimodal checkpoint that are not its language model. */
    private static final Pattern NOT_TEXT = Pattern.compile(
            "(model\\.)?(vision_tower|multi_modal_projector|vision_model|visual|mtp|audio_tower|embed_vision|embed_audio)\\..*");

    private static final Map<String, String> GLOBAL = Map.of(
            "model.embed_tokens", "token_embd",
            "model.norm", "output_norm",
            "lm_head", "output",
            "model.embed_tokens_per_layer", "per_layer_token_embd",
            "model.per_layer_model_projection", "per_layer_model_proj",
            "model.per_layer_projection_norm", "per_layer_proj_norm",
            "transformer.wte", "token_embd",
            "transformer.wpe", "position_embd",
            "transformer.ln_f", "output_norm");

    /** The matrices of a feed-forward part without experts. */
    private static final Set<String> PLAIN = Set.of("ffn_gate", "ffn_up", "ffn_down");

    /** A matrix of one expert within a block. */
    private static final Pattern EXPERT = Pattern.compile("(.+\\.experts)\\.(\\d+)\\.(.+)");

    private final TextConfig config;
    private final GgufArchitecture architecture;
    private final Map<String, String> blocks = new LinkedHashMap<>();

    /** Tensors of a block that are no weight or bias of a module, with all of their name. */
    private final Map<String, String> parameters = new LinkedHashMap<>();

    private final Map<String, String> experts = new LinkedHashMap<>();

    TensorNames(TextConfig config) throws CheckpointException {
        this.config = config;
        this.architecture = config.architecture();
        switch (architecture) {
            case LLAMA, QWEN2, SMOLLM3, GRANITE -> {
                separate();
                norms(false);
            }
            case QWEN3, QWEN3MOE, OLMOE -> {
                separate();
                norms(false);
                headNorms();
            }
            case QWEN35 -> {
                separate();
                blocks.put("input_layernorm", "attn_norm");
                blocks.put("post_attention_layernorm", "post_attention_norm");
                headNorms();
                blocks.put("linear_attn.in_proj_qkv", "attn_qkv");
                blocks.put("linear_attn.in_proj_z", "attn_gate");
                blocks.put("linear_attn.in_proj_b", "ssm_beta");
                blocks.put("linear_attn.in_proj_a", "ssm_alpha");
                blocks.put("linear_attn.conv1d", "ssm_conv1d");
                blocks.put("linear_attn.norm", "ssm_norm");
                blocks.put("linear_attn.out_proj", "ssm_out");
                parameters.put("linear_attn.A_log", "ssm_a");
                parameters.put("linear_attn.dt_bias", "ssm_dt.bias");
            }
            case GEMMA2 -> {
                separate();
                norms(true);
            }
            case GEMMA3 -> {
                separate();
                norms(true);
                headNorms();
            }
            case GEMMA4 -> {
                separate();
                norms(true);
                headNorms();
                if (config.inputWidth() > 0) {
                    blocks.put("per_layer_input_gate", "inp_gate");
                    blocks.put("per_layer_projection", "proj");
                    blocks.put("post_per_layer_input_norm", "post_norm");
                }
                parameters.put("layer_scalar", "layer_output_scale.weight");
            }
            case OLMO2 -> {
                separate();
                blocks.put("post_attention_layernorm", "post_attention_norm");
                blocks.put("post_feedforward_layernorm", "post_ffw_norm");
                headNorms();
            }
            case PHI3 -> {
                blocks.put("self_attn.qkv_proj", "attn_qkv");
                blocks.put("self_attn.o_proj", "attn_output");
                blocks.put("mlp.gate_up_proj", "ffn_up");
                blocks.put("mlp.down_proj", "ffn_down");
                norms(false);
            }
            case GPT_OSS -> {
                separate();
                blocks.put("input_layernorm", "attn_norm");
                blocks.put("post_attention_layernorm", "post_attention_norm");
                blocks.put("mlp.router", "ffn_gate_inp");
                blocks.values().removeIf(PLAIN::contains);
                parameters.put("self_attn.sinks", "attn_sinks.weight");
            }
            case GPT2 -> {
                blocks.put("ln_1", "attn_norm");
                blocks.put("attn.c_attn", "attn_qkv");
                blocks.put("attn.c_proj", "attn_output");
                blocks.put("ln_2", "ffn_norm");
                blocks.put("mlp.c_fc", "ffn_up");
                blocks.put("mlp.c_proj", "ffn_down");
            }
        }
        if (config.experts() > 0 && architecture != GgufArchitecture.GPT_OSS) {
            blocks.values().removeIf(PLAIN::contains);
            boolean numbered = architecture == GgufArchitecture.LLAMA;
            String module = numbered ? "block_sparse_moe" : "mlp";
            blocks.put(module + ".gate", "ffn_gate_inp");
            experts.put(module + ".experts." + (numbered ? "w1" : "gate_proj"), "ffn_gate_exps");
            experts.put(module + ".experts." + (numbered ? "w3" : "up_proj"), "ffn_up_exps");
            experts.put(module + ".experts." + (numbered ? "w2" : "down_proj"), "ffn_down_exps");
        }
    }

    private void separate() {
        blocks.put("self_attn.q_proj", "attn_q");
        blocks.put("self_attn.k_proj", "attn_k");
        blocks.put("self_attn.v_proj", "attn_v");
        blocks.put("self_attn.o_proj", "attn_output");
        blocks.put("mlp.gate_proj", "ffn_gate");
        blocks.put("mlp.up_proj", "ffn_up");
        blocks.put("mlp.down_proj", "ffn_down");
    }

    private void norms(boolean aroundBoth) {
        blocks.put("input_layernorm", "attn_norm");
        if (aroundBoth) {
            blocks.put("post_attention_layernorm", "post_attention_norm");
            blocks.put("pre_feedforward_layernorm", "ffn_norm");
            blocks.put("post_feedforward_layernorm", "post_ffw_norm");
        } else {
            blocks.put("post_attention_layernorm", "ffn_norm");
        }
    }

    private void headNorms() {
        blocks.put("self_attn.q_norm", "attn_q_norm");
        blocks.put("self_attn.k_norm", "attn_k_norm");
    }

    /** Whether a tensor has no place because nothing computes with it, or because it is no part of the language model. */
    boolean isLeftOut(String name) throws CheckpointException {
        return BUFFER.matcher(name).matches() || NOT_TEXT.matcher(name).matches() || isOfOthersKeys(name);
    }

    /** Files of Gemma 4 have keys and values of layers that take those of others. */
    private boolean isOfOthersKeys(String name) throws CheckpointException {
        Matcher block = BLOCK.matcher(bare(name));
        if (architecture != GgufArchitecture.GEMMA4 || !block.matches()) {
            return false;
        }
        int number = Integer.parseInt(block.group(1));
        return number < config.layers()
                && config.gemma4Layers().borrows(number)
                && block.group(2).matches("self_attn\\.[kv]_(proj|norm)\\..*");
    }

    /** Where a tensor goes, or its parts; nowhere if it is read with another; null if the architecture has no place for it. */
    @Nullable
    List<TensorPlace> places(String name) throws CheckpointException {
        Matcher block = BLOCK.matcher(bare(name));
        List<TensorPlace> parts = architecture == GgufArchitecture.GPT_OSS && block.matches()
                ? StackedExperts.places("blk." + Integer.parseInt(block.group(1)) + ".", block.group(2))
                : null;
        TensorPlace whole = parts == null ? place(name) : null;
        return whole == null ? parts : List.of(whole);
    }

    private @Nullable TensorPlace place(String name) throws CheckpointException {
        String bare = bare(name);
        Matcher block = BLOCK.matcher(bare);
        String parameter = block.matches() ? parameters.get(block.group(2)) : null;
        if (parameter != null) {
            String whole = "blk." + Integer.parseInt(block.group(1)) + "." + parameter;
            Change change = parameter.equals("ssm_a")
                    ? Change.RATE
                    : parameter.equals("ssm_dt.bias") ? Change.VALUE_ROWS : Change.NONE;
            return new TensorPlace(whole, change);
        }
        Matcher suffix = SUFFIX.matcher(bare);
        if (!suffix.matches()) {
            return null;
        }
        TensorPlace expert = ofExpert(suffix.group(1), suffix.group(2));
        if (expert != null) {
            return expert;
        }
        String module = module(suffix.group(1));
        return module == null ? null : new TensorPlace(module + "." + suffix.group(2), change(module, suffix.group(2)));
    }

    private @Nullable TensorPlace ofExpert(String path, String suffix) {
        Matcher block = BLOCK.matcher(path);
        Matcher expert = EXPERT.matcher(block.matches() ? block.group(2) : "");
        String part = expert.matches() ? experts.get(expert.group(1) + "." + expert.group(3)) : null;
        return part == null
                ? null
                : new TensorPlace(
                        "blk." + Integer.parseInt(block.group(1)) + "." + part + "." + suffix,
                        Change.NONE,
                        Integer.parseInt(expert.group(2)));
    }

    /** Whether a path is that of what sends tokens to experts. */
    static boolean isRouter(String path) {
        return path.endsWith(".mlp.gate") || path.endsWith(".block_sparse_moe.gate");
    }

    /** Whether a path is that of what makes Gemma 4's inputs of all layers, to which llama.cpp applies no adapter. */
    static boolean makesInputs(String path) {
        return path.endsWith("per_layer_model_projection");
    }

    /** Whether a path is that of a matrix of one expert. */
    static boolean isOfExpert(String path) {
        return EXPERT.matcher(path).matches();
    }

    /** llama.cpp's name of a module, without {@code .weight}; null if the architecture has none such. */
    @Nullable
    String module(String path) {
        String bare = bare(path);
        Matcher block = BLOCK.matcher(bare);
        if (block.matches()) {
            String part = blocks.get(block.group(2));
            return part == null ? null : "blk." + Integer.parseInt(block.group(1)) + "." + part;
        }
        String prefix = architecture == GgufArchitecture.GPT2 ? "transformer." : "model.";
        String global = GLOBAL.get(bare.equals("lm_head") || bare.startsWith(prefix) ? bare : prefix + bare);
        boolean positions = "position_embd".equals(global);
        boolean inputs = global != null && global.startsWith("per_layer_");
        boolean foreign = (positions && architecture != GgufArchitecture.GPT2)
                || (inputs && architecture != GgufArchitecture.GEMMA4);
        return foreign ? null : global;
    }

    /** What a module's matrix is subject to, in its rows for a factor {@code (out, r)} and in its columns for one {@code (r, in)} as well. */
    Change change(String module, String suffix) throws CheckpointException {
        if (architecture.rotatesNeighbours() && module.endsWith(".attn_q")) {
            return Change.QUERY_ROWS;
        }
        if (architecture.rotatesNeighbours() && module.endsWith(".attn_k")) {
            return Change.KEY_ROWS;
        }
        if (architecture.normsLessOne() && module.endsWith("_norm") && !module.endsWith(".ssm_norm")) {
            return Change.PLUS_ONE;
        }
        if (architecture == GgufArchitecture.QWEN35) {
            return ofLinearAttention(module);
        }
        boolean conv1d = architecture == GgufArchitecture.GPT2
                && suffix.equals("weight")
                && module.startsWith("blk.")
                && !module.endsWith("_norm");
        return conv1d ? Change.TRANSPOSE : Change.NONE;
    }

    private static Change ofLinearAttention(String module) {
        return switch (module.substring(module.lastIndexOf('.') + 1)) {
            case "attn_gate", "ssm_alpha", "ssm_beta" -> Change.VALUE_ROWS;
            case "attn_qkv" -> Change.ROWS_BEHIND_KEYS;
            case "ssm_out" -> Change.VALUE_COLUMNS;
            case "ssm_conv1d" -> Change.CONVOLUTION;
            default -> Change.NONE;
        };
    }

    /** Whether a block has such a part, of those that not all blocks have. */
    private boolean has(int block, String part) throws CheckpointException {
        if (architecture == GgufArchitecture.GEMMA4) {
            return config.gemma4Layers().has(block, part);
        }
        boolean linear = part.startsWith("linear_attn.");
        boolean either = architecture == GgufArchitecture.QWEN35 && (linear || part.startsWith("self_attn."));
        return !either || linear == config.isLinear(block);
    }

    /** The tensors without which llama.cpp does not load a model. */
    List<String> required() throws CheckpointException {
        List<String> names = new java.util.ArrayList<>(List.of("token_embd.weight", "output_norm.weight"));
        if (architecture == GgufArchitecture.GPT2) {
            names.add("position_embd.weight");
        }
        if (config.inputWidth() > 0) {
            names.addAll(List.of(
                    "per_layer_token_embd.weight", "per_layer_model_proj.weight", "per_layer_proj_norm.weight"));
        }
        for (int i = 0; i < config.layers(); i++) {
            for (Map.Entry<String, String> part : blocks.entrySet()) {
                if (has(i, part.getKey())) {
                    names.add("blk." + i + "." + part.getValue() + ".weight");
                }
            }
            for (Map.Entry<String, String> parameter : parameters.entrySet()) {
                if (has(i, parameter.getKey())) {
                    names.add("blk." + i + "." + parameter.getValue());
                }
            }
            if (architecture == GgufArchitecture.GPT_OSS) {
                for (String part : StackedExperts.required()) {
                    names.add("blk." + i + "." + part);
                }
                for (String biased : List.of("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate_inp")) {
                    names.add("blk." + i + "." + biased + ".bias");
                }
            }
            for (String part : experts.values()) {
                names.add("blk." + i + "." + part + ".weight");
            }
        }
        return names;
    }

    /** Multimodal checkpoints keep the language model one level down. */
    private static String bare(String name) {
        return name.replaceFirst("^(model\\.language_model\\.|language_model\\.model\\.)", "model.")
                .replaceFirst("^language_model\\.", "");
    }
}
