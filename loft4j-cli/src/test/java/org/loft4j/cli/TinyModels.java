package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** Model directories and data small enough to train in a second. */
final class TinyModels {
    private TinyModels() {}

    /** A BERT with new weights, no head, and the tokenizer of stories260K. */
    static Path encoder(Path directory) throws IOException {
        Files.createDirectories(directory);
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", new String[] {"BertModel"});
        config.put("model_type", "bert");
        config.put("vocab_size", 512);
        config.put("hidden_size", 32);
        config.put("num_hidden_layers", 2);
        config.put("num_attention_heads", 4);
        config.put("intermediate_size", 64);
        config.put("max_position_embeddings", 64);
        config.put("hidden_dropout_prob", 0.0);
        config.put("attention_probs_dropout_prob", 0.0);
        Json.write(directory.resolve("config.json"), config);
        try (Model model = Models.initialise(
                directory, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withSeed(5))) {
            Map<String, Tensor> body = new LinkedHashMap<>(model.weights().asMap());
            body.keySet().removeIf(name -> name.startsWith("classifier"));
            SafetensorsWriter.write(directory.resolve("model.safetensors"), body, Map.of());
        }
        for (String name : new String[] {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) {
            Files.copy(Fixtures.of("stories260K").resolve(name), directory.resolve(name));
        }
        return directory;
    }

    /** Balls that are red or blue, labelled by their colour. */
    static Path colours(Path file, int rows) throws IOException {
        StringBuilder csv = new StringBuilder("text,label\n");
        IntStream.range(0, rows).forEach(i -> {
            String colour = i % 2 == 0 ? "red" : "blue";
            csv.append((colour + " ").repeat(6))
                    .append("ball ")
                    .append(i)
                    .append(',')
                    .append(colour)
                    .append('\n');
        });
        Files.writeString(file, csv);
        return file;
    }
}
