package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PromptSampler;
import org.loft4j.nn.Task;

/**
 * The tokens that Transformers' {@code generate} makes with beams, of prompts together and alone. Of stop strings each id is a letter,
 * the id's rest by 26.
 */
class BeamsParityTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"t5", "bart", "m2m_100", "llama_gqa", "stories260K", "mistral_sw", "lfm2", "qwen3_5"})
    void theTextsAreThoseOfTransformers(String name) throws Exception {
        Path from = Fixture.directory(name);
        int cases = 0;
        for (JsonNode each :
                new ObjectMapper().readTree(from.resolveSibling("beams.json").toFile())) {
            if (!each.get("model").asText().equals(name)) {
                continue;
            }
            Path directory = Files.createDirectory(folder.resolve("case" + cases++));
            for (String file : List.of("config.json", "model.safetensors")) {
                Files.copy(from.resolve(file), directory.resolve(file));
            }
            Files.writeString(
                    directory.resolve("generation_config.json"),
                    each.get("settings").toString());
            hold(directory, each);
        }
        assertTrue(cases > 0, name);
    }

    private static void hold(Path directory, JsonNode each) throws IOException {
        boolean reads = Models.tasks(directory).contains(Task.SEQ2SEQ_LM);
        SamplingConfig sampling = GenerationDefaults.readWriter(directory);
        int most = each.get("settings").get("max_new_tokens").asInt();
        Set<Long> ends = new HashSet<>();
        each.get("ends").forEach(end -> ends.add(end.asLong()));
        List<long[]> prompts = lists(each.get("prompts"));
        List<long[]> expected = lists(each.get("written"));
        try (Model model = Models.open(directory, ModelOptions.of(reads ? Task.SEQ2SEQ_LM : Task.CAUSAL_LM))) {
            Generator generator = Generator.of(model);
            List<List<Long>> heard = new ArrayList<>();
            prompts.forEach(prompt -> heard.add(new ArrayList<>()));
            Letters start = new Letters("", each.path("stops").path(0).asText("none"));
            PromptSampler.Listener listener = new PromptSampler.Listener() {
                @Override
                public boolean onToken(int row, long id) {
                    return heard.get(row).add(id);
                }

                @Override
                public PromptSampler.Draft draft(int row) {
                    return start;
                }
            };
            List<Continuation> made = generator.generate(prompts, most, ends, sampling, listener);
            for (int i = 0; i < prompts.size(); i++) {
                String which = each.get("settings") + ", row " + i;
                assertArrayEquals(expected.get(i), made.get(i).ids(), which);
                assertArrayEquals(
                        expected.get(i),
                        heard.get(i).stream().mapToLong(id -> id).toArray(),
                        which);
                PromptSampler.Draft draft = start;
                for (long id : expected.get(i)) {
                    draft = ends.contains(id) ? draft : draft.with(id);
                }
                assertEquals(draft.isEnded(), made.get(i).stop() == Continuation.Stop.LISTENER, which);
            }
            Continuation alone = generator
                    .generate(List.of(prompts.get(1)), most, ends, sampling, listener)
                    .get(0);
            assertEquals(made.get(1), alone, each.get("settings").toString());
        }
    }

    private record Letters(String text, String stop) implements PromptSampler.Draft {
        @Override
        public Letters with(long id) {
            return new Letters(text + (char) ('a' + id % 26), stop);
        }

        @Override
        public boolean isEnded() {
            return text.endsWith(stop);
        }
    }

    private static List<long[]> lists(JsonNode lists) {
        return StreamSupport.stream(lists.spliterator(), false)
                .map(list -> StreamSupport.stream(list.spliterator(), false)
                        .mapToLong(JsonNode::asLong)
                        .toArray())
                .toList();
    }
}
