package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * What the launcher makes its archive of classes from: help, and one step of training a tiny classifier. The Java machine then
 * reads the classes of a training as they lie in memory, in place of parsing and checking some four thousand of them.
 */
final class ClassArchive {
    private static final String CONFIG = """
            {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 4, "hidden_size": 8,
             "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 8,
             "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2, "pad_token_id": 0}
            """;

    private static final String TOKENIZER = """
            {"version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null, "decoder": null,
             "added_tokens": [{"id": 0, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false,
                               "normalized": false, "special": true}],
             "pre_tokenizer": {"type": "Whitespace"},
             "model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"[PAD]": 0, "[UNK]": 1, "good": 2, "bad": 3}}}
            """;

    private ClassArchive() {}

    /** No arguments. */
    public static void main(String[] args) throws IOException {
        System.exit(run(
                new PrintWriter(System.out, true, StandardCharsets.UTF_8),
                new PrintWriter(System.err, true, StandardCharsets.UTF_8)));
    }

    /** 0 if both calls went well. */
    static int run(PrintWriter out, PrintWriter err) throws IOException {
        Path directory = Files.createTempDirectory("loft-classes");
        try {
            writeModel(directory);
            Path rows = Files.writeString(
                    directory.resolve("rows.csv"), "text,label\ngood,1\nbad,0\ngood good,1\nbad bad,0\n");
            List<String> train = List.of(
                    "train",
                    "--model=" + directory,
                    "--data=" + rows,
                    "--eval-data=" + rows,
                    "--max-steps=1",
                    "--device=cpu",
                    "--output=" + directory.resolve("out"));
            return Loft.run(out, err, "--help") + Loft.run(out, err, train.toArray(String[]::new));
        } finally {
            NewDirectory.delete(directory);
        }
    }

    private static void writeModel(Path directory) throws IOException {
        Files.writeString(directory.resolve("config.json"), CONFIG);
        Files.writeString(directory.resolve("tokenizer.json"), TOKENIZER);
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"pad_token\": \"[PAD]\"}");
        try (Model model = Models.initialise(directory, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            SafetensorsWriter.write(
                    directory.resolve("model.safetensors"), model.weights().asMap(), Map.of("format", "pt"));
        }
    }
}
