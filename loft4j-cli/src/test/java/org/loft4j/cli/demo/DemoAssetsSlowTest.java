package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.demo.GrammarExample.Kind;
import org.loft4j.cli.demo.SentencePair.Split;
import org.loft4j.io.SafetensorsFile;

/** Fetches the real artefacts through Maven. */
@Tag("slow")
class DemoAssetsSlowTest {
    @TempDir
    Path dir;

    @Test
    void theEnglishExamplesHaveTheKnownCounts() throws Exception {
        MavenArtifacts artifacts = new MavenArtifacts(dir, MavenCommand.find(), System.out::println);
        Path jar = artifacts.fetch(MavenArtifact.LANGUAGE_TOOL);

        List<GrammarExample> examples = LanguageToolPairs.examples(jar, MavenArtifact.LANGUAGE_TOOL.requiredEntry());
        assertEquals(22532, examples.size());
        Map<Kind, Long> on = examples.stream()
                .filter(GrammarExample::enabled)
                .collect(Collectors.groupingBy(GrammarExample::kind, Collectors.counting()));
        assertEquals(Map.of(Kind.INCORRECT, 8528L, Kind.CORRECT, 12203L, Kind.FALSE_ALARM, 165L), on);

        List<SentencePair> pairs = LanguageToolPairs.select(examples);
        Map<Split, Long> splits =
                pairs.stream().collect(Collectors.groupingBy(SentencePair::split, Collectors.counting()));
        assertEquals(Map.of(Split.TRAIN, 6720L, Split.VALID, 738L, Split.TEST, 756L), splits);
    }

    @Test
    void preparesOnceAndFindsEverythingTheSecondTime() throws Exception {
        List<String> said = new ArrayList<>();
        DemoAssets first = DemoAssets.prepare(dir, DemoModel.MINILM, said::add);
        try (SafetensorsFile file = SafetensorsFile.open(first.model().resolve("model.safetensors"))) {
            assertEquals(DemoModel.MINILM.shape().tensors().keySet(), file.names());
        }
        try (Stream<String> rows = Files.lines(first.data().resolve("test.jsonl"))) {
            assertEquals(2 * 756, rows.count());
        }
        assertEquals(4, said.size(), said.toString());
        assertEquals(first, DemoAssets.prepare(dir, DemoModel.MINILM, said::add));
        assertEquals(4, said.size(), said.toString());
    }
}
