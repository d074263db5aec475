package org.loft4j.cli.compare;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.cli.report.Curve;
import org.loft4j.train.Method;
import org.loft4j.train.RunLock;

/** Which finished runs a comparison takes for its own. */
class ResultStoreTest {
    private static TrialResult result(String contender, long seed, Map<String, Object> settings) {
        return new TrialResult(
                new Trial(Contender.parse(contender), 4, 1e-3, seed, 0),
                null,
                settings,
                Map.of("loss", 1.0),
                Map.of("loss", 1.0),
                false,
                0L,
                new TrialResult.Cost(10, 12, 1000, 1, 1, 0),
                new Curve(),
                new Curve(),
                List.of(),
                Map.of());
    }

    @Test
    void whatAnOlderRunDoesNotNameIsNoDifferenceButForSettingsWhoseDefaultItHad() {
        TrialResult older = result("lora-plus", 0, Map.of("weight_decay", 0.0));
        assertDoesNotThrow(() -> ResultStore.requireAgreement(
                Map.of(older, Map.of("weight_decay", 0.0, "new_setting", 3, "lora_plus_ratio", 16.0))));
        assertDoesNotThrow(() -> ResultStore.requireAgreement(
                Map.of(older, Map.of("warmup_steps", 0, "min_lr_ratio", 0.0, "target_parameters", "[]"))));
        for (String key : List.of("warmup_steps", "min_lr_ratio", "label_smoothing_factor", "target_parameters")) {
            assertThrows(ConfigException.class, () -> ResultStore.requireAgreement(Map.of(older, Map.of(key, 1))), key);
        }
        ConfigException e = assertThrows(
                ConfigException.class,
                () -> ResultStore.requireAgreement(Map.of(older, Map.of("lora_plus_ratio", 8.0))));
        assertEquals(
                "output_dir holds runs with other settings: lora_plus_ratio was 16.0 and is now 8.0 (lora-plus-4-1e-3-s0);"
                        + " use the settings of those runs, or another output directory",
                e.getMessage());
    }

    /** They were scaled by the root of the rank, and did not say so. */
    @Test
    void runsOfRsLoraFromBeforeAgreeButForTheDefaultOfAlphaWhichNoCallGivesBack() {
        Map<String, Object> before = Map.of("use_rslora", "false", "lora_alpha", "8.0");
        TrialResult first = result("rslora", 0, before);
        TrialResult second = result("rslora", 1, before);
        Map<String, Object> same = Map.of("use_rslora", true, "lora_alpha", 8.0);
        assertDoesNotThrow(() -> ResultStore.requireAgreement(Map.of(first, same, second, same)));
        Map<TrialResult, Map<String, Object>> planned = new LinkedHashMap<>();
        planned.put(first, Map.of("use_rslora", true, "lora_alpha", 9.0));
        planned.put(second, Map.of("use_rslora", true, "lora_alpha", 9.0));
        ConfigException moved = assertThrows(ConfigException.class, () -> ResultStore.requireAgreement(planned));
        assertEquals(
                "output_dir holds runs with other settings: lora_alpha was 8.0 and is now 9.0 (rslora-4-1e-3-s0 and 1 more);"
                        + " the default of alpha has changed since: move runs/rslora-4-1e-3-s0, runs/rslora-4-1e-3-s1 out of"
                        + " it, or use another output directory",
                moved.getMessage());
        TrialResult lora = result("lora", 0, before);
        assertThrows(ConfigException.class, () -> ResultStore.requireAgreement(Map.of(lora, same)));
    }

    private static Contender titled(String name, String title) {
        return new Contender(name, title, Method.LORA_PLUS, Map.of());
    }

    /** A label that was another one's, at another rank too, and a name that meets a rank. */
    @Test
    void whatGoesByTheNameOfSomethingElseIsRefused(@TempDir Path output) throws IOException {
        TrialResult before = result("lora:alpha=64:label=x", 0, Map.of());
        Path place = output.resolve("runs/x-4-1e-3-s0");
        Files.createDirectories(place);
        before.write(place.resolve("result.json"));
        ResultStore results = new ResultStore(output);
        assertEquals(before.trial(), results.all().get(0).trial());
        for (String other : new String[] {"lora:alpha=32:label=x", "loft:label=x", "lora:alpha=64:label=X"}) {
            Contender now = Contender.parse(other);
            ConfigException e = assertThrows(
                    ConfigException.class, () -> results.requireSame(List.of(new Trial.Entry(now, 8))), other);
            assertEquals(
                    "output_dir holds runs/x-4-1e-3-s0 of lora:alpha=64:label=x, and " + other
                            + " goes by the same name: give it another label, or use another output directory",
                    e.getMessage());
            assertThrows(ConfigException.class, () -> results.find(new Trial(now, 4, 1e-3, 0, 0)), other);
        }
        assertThrows(
                ConfigException.class,
                () -> results.requireSame(List.of(new Trial.Entry(Contender.parse("full:label=x-4"), 0))));
        assertThrows(
                ConfigException.class,
                () -> results.requireSame(List.of(new Trial.Entry(titled("lora-plus", "x"), 4))),
                "two rows of one title");
        Contender same = Contender.parse("lora:label=x:alpha=64");
        Contender next = Contender.parse("lora:alpha=32:label=y");
        assertDoesNotThrow(() -> results.requireSame(List.of(new Trial.Entry(same, 8), new Trial.Entry(next, 4))));
        assertEquals(
                before.trial(),
                requireNonNull(results.find(new Trial(same, 4, 1e-3, 0, 0))).trial());
    }

    /** As a further run it would be a further seed of the mean. */
    @Test
    void aCopyOfARunIsLeftOut(@TempDir Path output) throws IOException {
        TrialResult run = result("lora", 0, Map.of());
        for (String name : List.of(run.trial().name(), run.trial().name() + ".bak", "before")) {
            Path place = Files.createDirectories(output.resolve("runs").resolve(name));
            run.write(place.resolve("result.json"));
        }
        assertEquals(
                List.of(run.trial()),
                new ResultStore(output).all().stream().map(TrialResult::trial).toList());
    }

    /** By their names, whether someone is at them or they were interrupted; of one that left nothing to go on from nothing is known. */
    @Test
    void runsWithoutAResultAreThereToo(@TempDir Path output) throws IOException {
        Trial begun = result("lora:label=x", 0, Map.of()).trial();
        ResultStore results = new ResultStore(output);
        List<Trial.Entry> other = List.of(new Trial.Entry(Contender.parse("dora:label=x"), 4));
        Path place = results.directory(begun);
        try (RunLock held = RunLock.acquire(place)) {
            results.begin(begun, Map.of("max_steps", 400));
            assertThrows(ConfigException.class, () -> results.requireSame(other));
            assertEquals(begun, results.unfinished().get(0).trial());
        }
        assertEquals(List.of(), results.there());
        assertDoesNotThrow(() -> results.requireSame(other));
        Files.createDirectories(place.resolve("training/checkpoint-3"));
        ResultStore.Unfinished interrupted = results.unfinished().get(0);
        assertThrows(ConfigException.class, () -> results.requireSame(other));
        assertEquals(
                "output_dir holds runs with other settings: max_steps was 400 and is now 300 (x-4-1e-3-s0); use the settings"
                        + " of those runs, or another output directory",
                assertThrows(
                                ConfigException.class,
                                () -> ResultStore.requireAgreement(Map.of(interrupted, Map.of("max_steps", 300))))
                        .getMessage());
        result("lora:label=x", 0, Map.of()).write(place.resolve("result.json"));
        assertEquals(List.of(), results.unfinished());
        assertEquals(1, results.there().size());
    }
}
