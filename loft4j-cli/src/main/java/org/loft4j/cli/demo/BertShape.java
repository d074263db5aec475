package org.loft4j.cli.demo;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.loft4j.nn.Pooling;

/** The sizes of a BERT encoder without pooler, and what follows from them: its tensors and its config.json. */
record BertShape(int hidden, int layers, int heads, int intermediate, int vocabulary, int positions, int types) {
    /** The shape of every tensor by its Hugging Face name; a linear layer's weight is (out, in). */
    Map<String, long[]> tensors() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put("embeddings.word_embeddings.weight", new long[] {vocabulary, hidden});
        shapes.put("embeddings.position_embeddings.weight", new long[] {positions, hidden});
        shapes.put("embeddings.token_type_embeddings.weight", new long[] {types, hidden});
        norm(shapes, "embeddings.LayerNorm");
        for (int i = 0; i < layers; i++) {
            String layer = "encoder.layer." + i;
            linear(shapes, layer + ".attention.self.query", hidden, hidden);
            linear(shapes, layer + ".attention.self.key", hidden, hidden);
            linear(shapes, layer + ".attention.self.value", hidden, hidden);
            linear(shapes, layer + ".attention.output.dense", hidden, hidden);
            norm(shapes, layer + ".attention.output.LayerNorm");
            linear(shapes, layer + ".intermediate.dense", intermediate, hidden);
            linear(shapes, layer + ".output.dense", hidden, intermediate);
            norm(shapes, layer + ".output.LayerNorm");
        }
        return shapes;
    }

    private static void linear(Map<String, long[]> shapes, String path, int out, int in) {
        shapes.put(path + ".weight", new long[] {out, in});
        shapes.put(path + ".bias", new long[] {out});
    }

    private void norm(Map<String, long[]> shapes, String path) {
        shapes.put(path + ".weight", new long[] {hidden});
        shapes.put(path + ".bias", new long[] {hidden});
    }

    /** The keys of config.json with the values that all-MiniLM-L6-v2 and bge-small-en-v1.5 have where they are not sizes. */
    Map<String, Object> config(Pooling pooling) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("BertModel"));
        config.put("model_type", "bert");
        config.put("hidden_size", hidden);
        config.put("num_hidden_layers", layers);
        config.put("num_attention_heads", heads);
        config.put("intermediate_size", intermediate);
        config.put("vocab_size", vocabulary);
        config.put("max_position_embeddings", positions);
        config.put("type_vocab_size", types);
        config.put("position_embedding_type", "absolute");
        config.put("hidden_act", "gelu");
        config.put("layer_norm_eps", 1e-12);
        // the originals say 0.1; a short run of a few epochs gets further without
        config.put("hidden_dropout_prob", 0.0);
        config.put("attention_probs_dropout_prob", 0.0);
        config.put("initializer_range", 0.02);
        config.put("pad_token_id", 0);
        config.put("torch_dtype", "float32");
        config.put("classifier_pooling", pooling.name().toLowerCase(Locale.ROOT));
        return config;
    }
}
