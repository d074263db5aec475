package org.loft4j.model.llama;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Generator;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** The names and shapes of Llama's parameters, and where they come from. */
final class LlamaWeights {
    private static final String PREFIX = "model.";

    static final String EMBEDDING = "model.embed_tokens.weight";
    static final String NORM = "model.norm.weight";
    static final String HEAD = "lm_head";

    private LlamaWeights() {}

    /** Path of a module of one layer. */
    static String layer(int index, String module) {
        return "model.layers." + index + "." + module;
    }

    /** Every parameter in the order of use. */
    static List<ParameterSpec> specs(LlamaConfig config) {
        long hidden = config.hiddenSize();
        long width = config.intermediateSize();
        long queries = (long) config.heads() * config.headDim();
        long keys = (long) config.keyValueHeads() * config.headDim();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(EMBEDDING, Initial.NORMAL, config.vocabularySize(), hidden));
        for (int i = 0; i < config.layers(); i++) {
            specs.add(new ParameterSpec(layer(i, "input_layernorm.weight"), Initial.ONES, hidden));
            linear(specs, layer(i, "self_attn.q_proj"), queries, hidden, config.attentionBias());
            linear(specs, layer(i, "self_attn.k_proj"), keys, hidden, config.attentionBias());
            linear(specs, layer(i, "self_attn.v_proj"), keys, hidden, config.attentionBias());
            linear(specs, layer(i, "self_attn.o_proj"), hidden, queries, config.attentionBias());
            specs.add(new ParameterSpec(layer(i, "post_attention_layernorm.weight"), Initial.ONES, hidden));
            linear(specs, layer(i, "mlp.gate_proj"), width, hidden, config.mlpBias());
            linear(specs, layer(i, "mlp.up_proj"), width, hidden, config.mlpBias());
            linear(specs, layer(i, "mlp.down_proj"), hidden, width, config.mlpBias());
        }
        specs.add(new ParameterSpec(NORM, Initial.ONES, hidden));
        if (!config.tieWordEmbeddings()) {
            linear(specs, HEAD, config.vocabularySize(), hidden, false);
        }
        return specs;
    }

    /** New parameters, drawn as Transformers does: normal matrices, unit norms, no biases. */
    static Weights random(LlamaConfig config, DeviceSpec device, Dtype dtype, long seed) {
        Weights weights = new Weights();
        try (NativeScope scope = new NativeScope()) {
            Generator generator = ParameterSpec.generator(seed);
            for (ParameterSpec spec : specs(config)) {
                try (NativeScope one = new NativeScope()) {
                    weights.put(spec.name(), spec.create(config.initializerRange(), dtype, device, generator));
                }
            }
        }
        return weights;
    }

    /**
     * The parameters of a checkpoint, whose names may lack the prefix {@code model.}.
     *
     * @param dtype to convert to; null for the dtype of the input embedding in the file
     */
    static Weights read(TensorSource source, LlamaConfig config, @Nullable Dtype dtype, DeviceSpec device)
            throws CheckpointException {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(PREFIX));
        ParameterReader reader =
                new ParameterReader(source, name -> bare && !name.startsWith(HEAD) ? PREFIX + name : name);
        List<ParameterSpec> specs = specs(config);
        reader.require(ParameterSpec.shapes(specs), LlamaWeights::isHarmless);
        Dtype type = dtype == null ? reader.info(EMBEDDING).dtype() : dtype;
        Weights weights = new Weights();
        try {
            for (ParameterSpec spec : specs) {
                try (NativeScope one = new NativeScope()) {
                    weights.put(spec.name(), reader.read(spec.name(), type, device));
                }
            }
            return weights;
        } catch (CheckpointException | RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    /** Buffers that old versions saved, and the copy of a tied output embedding. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".rotary_emb.inv_freq") || name.equals(HEAD + ".weight");
    }

    private static void linear(List<ParameterSpec> specs, String path, long out, long in, boolean bias) {
        specs.add(new ParameterSpec(path + ".weight", Initial.NORMAL, out, in));
        if (bias) {
            specs.add(new ParameterSpec(path + ".bias", Initial.ZEROS, out));
        }
    }
}
