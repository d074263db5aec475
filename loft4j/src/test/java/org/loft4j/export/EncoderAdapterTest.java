package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.export.Diagnosis.Verdict;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.io.Json;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** What the doctor says of an adapter on ModernBERT, whose pooling PEFT takes from the base's config.json. */
class EncoderAdapterTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({
        "modernbert_cls, cls, YES",
        "modernbert_cls, mean, AFTER",
        "modernbert_mean, mean, YES",
        "modernbert_mean, cls, AFTER",
    })
    void aPoolingThatIsNotTheBasesIsNamed(String fixture, String pooling, Verdict expected) throws IOException {
        Path base = Fixture.directory(fixture);
        try (Model model = Models.open(base, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION));
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
            PeftFiles.save(directory, adapter, model, new PeftMetadata("org/base", null));
        }
        Json.write(directory.resolve("loft_task.json"), Map.of("pooling", pooling));
        Diagnosis diagnosis = AdapterDoctor.examine(directory, base);
        assertEquals(expected, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        List<String> named = diagnosis.of(Consumer.PEFT).stream()
                .map(Finding::what)
                .filter(what -> what.contains("pooling"))
                .toList();
        assertEquals(
                expected == Verdict.YES
                        ? List.of()
                        : List.of("it was trained with pooling " + pooling
                                + ", and PEFT goes by classifier_pooling of the" + " base's config.json, which is "
                                + (pooling.equals("cls") ? "mean" : "cls")),
                named);
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
    }
}
