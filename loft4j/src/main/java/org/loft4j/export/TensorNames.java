package org.loft4j.export;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.export.TensorPlace.Change;
import org.loft4j.io.LayerNormNames;

/**
 * llama.cpp's names for the tensors of Hugging Face checkpoints. They follow the tables of llama.cpp (gguf-py's
 * {@code tensor_mapping.py}, {@code llama-arch.cpp}).
 */
final class TensorNames {
    private static final Pattern BLOCK = Pattern.compile(
            "(?:model\\.layers|layers|transformer\\.h|h|encoder\\.layer|gpt_neox\\.layers)\\.(\\d{1,9})\\.(.+)");
    private static final String WEIGHT = ".weight";

    private static final Pattern SUFFIX = Pattern.compile("(.+)\\.(weight|bias)");

    /** Buffers that checkpoints of old versions hold, and nothing reads. */
    private static final Pattern BUFFER =
            Pattern.compile(".*(\\.rotary_emb\\.inv_freq|\\.(attn|attention)\\.(masked_)?bias)");

    /** The parts of a multimodal checkpoint that are not its language model. */
    private static final Pattern NOT_TEXT = Pattern.compile(
            "(model\\.)?(vision_tower|multi_modal_projector|vision_model|visual|mtp|audio_tower|embed_vision|embed_audio)\\..*");

    private static final Map<String, String> GLOBAL = Map.of(
            "model.embed_tokens", "token_embd",
            "model.norm", "output_norm",
            "model.embedding_norm", "token_embd_norm",
            "lm_head", "output",
            "model.embed_tokens_per_layer", "per_layer_token_embd",
            "model.per_layer_model_projection", "per_layer_model_proj",
            "model.per_layer_projection_norm", "per_layer_proj_norm",
            "transformer.wte", "token_embd",
            "transformer.wpe", "position_embd",
            "transformer.ln_f", "output_norm");

    private static final Map<String, String> OF_BERT = Map.of(
            "embeddings.word_embeddings", "token_embd",
            "embeddings.position_embeddings", "position_embd",
            "embeddings.token_type_embeddings", "token_types",
            "embeddings.LayerNorm", "token_embd_norm");

    private static final Map<String, String> OF_NEOX =
            Map.of("embed_in", "token_embd", "final_layer_norm", "output_norm", "embed_out", "output");

    /** What BERT has beside the states of its last layer. */
    private static final Pattern HEAD_OF_BERT = Pattern.compile("pooler\\..*|cls\\..*|embeddings\\.position_ids");

    /** To llama.cpp all modules of these have biases. */
    private static final Set<GgufArchitecture> BIASED =
            Set.of(GgufArchitecture.BERT, GgufArchitecture.PHI2, GgufArchitecture.STARCODER2, GgufArchitecture.GPTNEOX);

    /** What the parts of a memory are in. */
    private static final List<String> MEMORIES = List.of("linear_attn.", "conv.", "mamba.");

    /** A matrix of one expert within a block. */
    private static final Pattern EXPERT = Pattern.compile("(.+\\.experts)\\.(\\d{1,9})\\.(.+)");

    /** The norm of one head within a block. */
    private static final Pattern HEAD = Pattern.compile("(.+\\.norms)\\.(\\d{1,9})");

    private final TextConfig config;
    private final GgufArchitecture architecture;
    private final BlockNames blocks;

    TensorNames(TextConfig config) throws CheckpointException {
        this.config = config;
        this.architecture = config.architecture();
        this.blocks = new BlockNames(config);
    }

    /** Whether a tensor has no place because nothing computes with it, or because it is no part of the language model. */
    boolean isLeftOut(String name) throws CheckpointException {
        return BUFFER.matcher(name).matches()
                || NOT_TEXT.matcher(name).matches()
                || (architecture == GgufArchitecture.BERT
                        && HEAD_OF_BERT.matcher(bare(name)).matches())
                || isOfOthersKeys(name)
                || isOfFurtherTokens(name);
    }

    /** Blocks behind the last one predict further tokens. */
    private boolean isOfFurtherTokens(String name) throws CheckpointException {
        Matcher block = BLOCK.matcher(bare(name));
        if (!architecture.beginsDense() || !block.matches()) {
            return false;
        }
        int behind = Integer.parseInt(block.group(1)) - config.layers();
        return behind >= 0 && behind < config.json().intOr("num_nextn_predict_layers", 0, 0);
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
        if (parts == null && block.matches()) {
            parts = inHalves(Integer.parseInt(block.group(1)), block.group(2));
        }
        TensorPlace whole = parts == null ? place(name) : null;
        return whole == null ? parts : List.of(whole);
    }

    private @Nullable List<TensorPlace> inHalves(int block, String name) {
        List<String> two = blocks.halves().get(name);
        boolean latent = name.equals(BlockNames.LATENT);
        return two == null
                ? null
                : List.of(
                        new TensorPlace(
                                "blk." + block + "." + two.get(0), latent ? Change.LATENT_KEYS : Change.FIRST_ROWS),
                        new TensorPlace(
                                "blk." + block + "." + two.get(1), latent ? Change.LATENT_VALUES : Change.LAST_ROWS));
    }

    private @Nullable TensorPlace place(String name) throws CheckpointException {
        String bare = bare(name);
        Matcher block = BLOCK.matcher(bare);
        String parameter = block.matches() ? blocks.parameters().get(block.group(2)) : null;
        if (parameter != null) {
            String whole = "blk." + Integer.parseInt(block.group(1)) + "." + parameter;
            return new TensorPlace(whole, change(parameter));
        }
        Matcher suffix = SUFFIX.matcher(bare);
        if (!suffix.matches()) {
            return null;
        }
        boolean bias = suffix.group(2).equals("bias");
        TensorPlace numbered = numbered(suffix.group(1), suffix.group(2));
        if (numbered != null) {
            return bias ? null : numbered;
        }
        String module = module(suffix.group(1));
        if (module == null || (bias && !BiasPlaces.has(architecture, module))) {
            return null;
        }
        return new TensorPlace(module + "." + suffix.group(2), change(module, suffix.group(2)));
    }

    private Change change(String parameter) {
        boolean states = architecture == GgufArchitecture.GRANITEHYBRID;
        return switch (parameter) {
            case "ssm_a" -> states ? Change.RATE_COLUMN : Change.RATE;
            case "ssm_d" -> Change.COLUMN;
            case "ssm_dt.bias" -> states ? Change.NONE : Change.VALUE_ROWS;
            default -> Change.NONE;
        };
    }

    private @Nullable TensorPlace numbered(String path, String suffix) {
        Matcher block = BLOCK.matcher(path);
        String within = block.matches() ? block.group(2) : "";
        Matcher expert = EXPERT.matcher(within);
        Matcher head = HEAD.matcher(within);
        String part = expert.matches()
                ? blocks.numbered().get(expert.group(1) + "." + expert.group(3))
                : head.matches() ? blocks.numbered().get(head.group(1)) : null;
        return part == null
                ? null
                : new TensorPlace(
                        "blk." + Integer.parseInt(block.group(1)) + "." + part + "." + suffix,
                        Change.NONE,
                        Integer.parseInt(expert.matches() ? expert.group(2) : head.group(2)));
    }

    /** Whether a path is that of what sends tokens to experts. */
    static boolean isRouter(String path) {
        return path.endsWith(".mlp.gate") || path.endsWith(".block_sparse_moe.gate");
    }

    /** What makes Gemma 4's inputs of all layers, and what goes into latent attention. */
    private static final Pattern NOT_ADAPTED = Pattern.compile(
            ".*(per_layer_model_projection|self_attn\\.(q_a_proj|q_b_proj|kv_a_proj_with_mqa|kv_b_proj))");

    /** Whether a path is that of a matrix to which llama.cpp applies no adapter, in any family that has it. */
    static boolean takesNoAdapter(String path) {
        return NOT_ADAPTED.matcher(path).matches();
    }

    /** Whether it applies none to a matrix in this family, such as {@code blk.0.attn_q}. */
    boolean takesNoAdapterHere(String module) {
        return architecture == GgufArchitecture.DEEPSEEK2 && (module.endsWith(".attn_q") || module.equals("output"));
    }

    /** The number of the block that a path lies in; -1 for none. */
    static int block(String path) {
        Matcher block = BLOCK.matcher(bare(path));
        return block.matches() ? Integer.parseInt(block.group(1)) : -1;
    }

    /** Whether a path is that of a matrix of one expert. */
    static boolean isOfExpert(String path) {
        return EXPERT.matcher(path).matches();
    }

    /** llama.cpp's name of a module, without {@code .weight}; null if the architecture has none such. */
    private @Nullable String module(String path) {
        String bare = bare(path);
        Matcher block = BLOCK.matcher(bare);
        if (block.matches()) {
            String part = blocks.modules().get(block.group(2));
            return part == null ? null : "blk." + Integer.parseInt(block.group(1)) + "." + part;
        }
        if (architecture == GgufArchitecture.BERT) {
            return OF_BERT.get(bare);
        }
        if (architecture == GgufArchitecture.GPTNEOX) {
            return OF_NEOX.get(bare.replaceFirst("^gpt_neox\\.", ""));
        }
        String prefix = architecture == GgufArchitecture.GPT2 ? "transformer." : "model.";
        String usual = architecture == GgufArchitecture.PHI2 ? bare.replaceFirst("\\bfinal_layernorm$", "norm") : bare;
        String global = GLOBAL.get(usual.equals("lm_head") || usual.startsWith(prefix) ? usual : prefix + usual);
        boolean positions = "position_embd".equals(global);
        boolean inputs = global != null && global.startsWith("per_layer_");
        boolean foreign = (positions && architecture != GgufArchitecture.GPT2)
                || (global != null && global.endsWith("_norm") && !global.equals(lastNorm()) && !inputs)
                || (inputs && architecture != GgufArchitecture.GEMMA4);
        return foreign ? null : global;
    }

    /** What a module's matrix is subject to, in its rows for a factor {@code (out, r)} and in its columns for one {@code (r, in)} as well. */
    private Change change(String module, String suffix) {
        if (architecture.rotatesNeighbours() && module.endsWith(".attn_q")) {
            return Change.QUERY_ROWS;
        }
        if (architecture.rotatesNeighbours() && module.endsWith(".attn_k")) {
            return Change.KEY_ROWS;
        }
        if (architecture.normsLessOne() && module.endsWith("_norm") && !module.endsWith(".ssm_norm")) {
            return Change.PLUS_ONE;
        }
        if (architecture.isQwen35()) {
            return ofLinearAttention(module);
        }
        if (module.endsWith(".ffn_gate_inp_shexp")) {
            return Change.FLAT;
        }
        if (suffix.equals("weight") && (module.endsWith(".shortconv.conv") || module.endsWith(".ssm_conv1d"))) {
            return Change.KERNEL;
        }
        if (module.endsWith(".ssm_norm")) {
            return Change.ROW;
        }
        if (architecture == GgufArchitecture.GPTNEOX && module.endsWith(".attn_qkv")) {
            return Change.BY_KIND;
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
            case "ffn_gate_inp_shexp" -> Change.FLAT;
            default -> Change.NONE;
        };
    }

    /** Whether a block has such a part, of those that not all blocks have. */
    private boolean has(int block, String part) throws CheckpointException {
        if (architecture == GgufArchitecture.GEMMA4) {
            return config.gemma4Layers().has(block, part);
        }
        if (architecture.beginsDense() && part.startsWith("mlp.")) {
            boolean dense = BlockNames.PLAIN.contains(blocks.modules().getOrDefault(part, ""));
            return dense == block < Mixtures.denseFirst(config);
        }
        boolean memory = MEMORIES.stream().anyMatch(part::startsWith);
        boolean either = architecture.remembers() && (memory || part.startsWith("self_attn."));
        return !either || memory == config.remembers(block);
    }

    /** The norm behind the last block, which llama.cpp has under another name in LFM2. */
    private String lastNorm() {
        return architecture == GgufArchitecture.LFM2 || architecture == GgufArchitecture.BERT
                ? "token_embd_norm"
                : "output_norm";
    }

    /** The tensors without which llama.cpp does not load a model. */
    List<String> required() throws CheckpointException {
        List<String> names = new ArrayList<>(List.of("token_embd.weight", lastNorm() + WEIGHT));
        if (architecture == GgufArchitecture.GPT2 || architecture == GgufArchitecture.BERT) {
            names.add("position_embd.weight");
        }
        if (architecture == GgufArchitecture.BERT) {
            names.add("token_types.weight");
        }
        boolean everywhere = BIASED.contains(architecture);
        if (everywhere) {
            names.add(lastNorm() + ".bias");
        }
        if (architecture == GgufArchitecture.PHI2) {
            names.add("output.bias");
        }
        if (architecture == GgufArchitecture.STABLELM) {
            names.add(lastNorm() + ".bias");
        }
        if (config.inputWidth() > 0) {
            names.addAll(List.of(
                    "per_layer_token_embd.weight", "per_layer_model_proj.weight", "per_layer_proj_norm.weight"));
        }
        for (int i = 0; i < config.layers(); i++) {
            for (Map.Entry<String, String> part : blocks.modules().entrySet()) {
                if (has(i, part.getKey())) {
                    names.add("blk." + i + "." + part.getValue() + ".weight");
                    if (everywhere) {
                        names.add("blk." + i + "." + part.getValue() + ".bias");
                    }
                }
            }
            for (Map.Entry<String, String> parameter : blocks.parameters().entrySet()) {
                if (has(i, parameter.getKey())) {
                    names.add("blk." + i + "." + parameter.getValue());
                }
            }
            if (architecture == GgufArchitecture.STABLELM) {
                names.add("blk." + i + ".attn_norm.bias");
            }
            if (architecture == GgufArchitecture.GPT_OSS) {
                for (String part : StackedExperts.required()) {
                    names.add("blk." + i + "." + part);
                }
                for (String biased : List.of("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate_inp")) {
                    names.add("blk." + i + "." + biased + ".bias");
                }
            }
            for (List<String> two : blocks.halves().values()) {
                names.addAll(List.of("blk." + i + "." + two.get(0), "blk." + i + "." + two.get(1)));
            }
            for (Map.Entry<String, String> part : blocks.numbered().entrySet()) {
                if (has(i, part.getKey())) {
                    names.add("blk." + i + "." + part.getValue() + ".weight");
                }
            }
        }
        return names;
    }

    /** Multimodal checkpoints keep the language model one level down. */
    private static String bare(String name) {
        String within = name.replaceFirst("^(model\\.language_model\\.|language_model\\.model\\.)", "model.")
                .replaceFirst("^(language_model|bert)\\.", "");
        return LayerNormNames.usual(within);
    }
}
