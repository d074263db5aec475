package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.model.TaskFile;

/** A classifier that is trained on from the adapter of another training. */
class GoOnFromAdapterEndToEndTest {
    private static final List<String> STREAMING = List.of("--streaming", "--no-streaming");

    @TempDir
    Path folder;

    private Path model;
    private Path rows;
    private Path first;

    @BeforeEach
    void anAdapter() throws IOException {
        model = TinyModels.encoder(folder.resolve("bert"));
        rows = TinyModels.colours(folder.resolve("colours.csv"), 32);
        first = folder.resolve("first");
        done(
                "train",
                "--model",
                model,
                "--data",
                rows,
                "--output",
                first,
                "--rank",
                2,
                "--batch-size",
                8,
                "--max-length",
                40);
    }

    private static Captured loft(Object... args) {
        return Captured.loft(Stream.of(args).map(Object::toString).toArray(String[]::new));
    }

    private static Captured done(Object... args) {
        Captured call = loft(args);
        assertEquals(0, call.status(), call.err());
        return call;
    }

    private Captured goOn(String name, Object... more) {
        Stream<Object> data = List.of(more).contains("--data") ? Stream.of() : Stream.of("--data", rows);
        Stream<Object> call =
                Stream.of("train", "--adapter", first, "--output", folder.resolve(name), "--batch-size", 8);
        return loft(Stream.of(call, data, Stream.of(more)).flatMap(each -> each).toArray());
    }

    private static JsonNode json(Captured call) throws IOException {
        assertEquals(0, call.status(), call.err());
        return new ObjectMapper().readTree(call.out());
    }

    private double loss(Path adapter, Object... more) throws IOException {
        return json(loft(Stream.concat(
                                Stream.of("eval", "--adapter", adapter, "--data", rows, "--json"), Stream.of(more))
                        .toArray()))
                .get("loss")
                .asDouble();
    }

    /** A step that moves nothing leaves what `loft eval` says of the adapter; all of it is the adapter's, without another flag. */
    @ParameterizedTest
    @CsvSource({
        "full, float32, loft",
        "8bit, float32, loft",
        "4bit, float32, dora",
        "full, bfloat16, loft",
        "full, float16, lora",
        "full, bfloat16, dora"
    })
    void theStartIsWhatTheAdapterIs(String bits, String dtype, String method) throws IOException {
        done(
                "train",
                "--config",
                first.resolve("config.yaml"),
                "--overwrite",
                "--method",
                method,
                "--dtype",
                dtype,
                "--learning-rate",
                0.01);
        Object[] still = {
            "--max-steps",
            1,
            "--learning-rate",
            1e-20,
            "--head-learning-rate",
            1e-20,
            "--load-in",
            bits,
            "--dtype",
            dtype,
            "--method",
            method,
            "--eval-data",
            rows,
            "--json"
        };
        JsonNode result = json(goOn("second", still));
        double before = loss(first, "--load-in", bits, "--dtype", dtype);
        assertEquals(before, result.at("/last_evaluation/loss").asDouble(), 1e-9);
        Path second = folder.resolve("second");
        assertEquals(before, loss(second, "--load-in", bits, "--dtype", dtype), 1e-9);
        assertEquals(TaskFile.read(first), TaskFile.read(second));
        assertEquals(40, TaskFile.read(second).maxLength());
        JsonNode config = new ObjectMapper()
                .readTree(second.resolve("adapter_config.json").toFile());
        assertEquals(2, config.get("r").asInt());
        assertEquals(model.toString(), config.get("base_model_name_or_path").asText());
        // the result needs the adapter that it began with no longer
        assertFalse(Files.readString(second.resolve("adapter_config.json")).contains(first.toString()));
    }

    @Test
    void itLearnsOnAndIsResumedByItsSettings() throws IOException {
        double before = loss(first);
        Captured call = goOn("second", "--epochs", 20, "--learning-rate", 0.01);
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains(" --adapter " + folder.resolve("second")), call.out());
        Path second = folder.resolve("second");
        double after = loss(second);
        assertTrue(after < before / 2, after + " and before " + before);
        assertEquals(before, loss(first), "the adapter is left as it is");
        String settings = Files.readString(second.resolve("config.yaml"));
        assertTrue(settings.contains("starting_adapter: " + first), settings);
        for (String key : List.of("r: 2", "lora_alpha: 4.0", "lora_dropout: 0.0", "target_modules:")) {
            assertTrue(settings.contains("\n# " + key), settings);
            assertFalse(settings.contains("\n" + key), settings);
        }
        Captured again = done("train", "--config", second.resolve("config.yaml"), "--resume");
        assertTrue(again.out().contains("is finished"), again.out());
        // the same adapter in another place; of a run that has ended nothing is written anew
        Path copy = copyOf(first, "copy");
        done("train", "--config", second.resolve("config.yaml"), "--resume", "--adapter", copy, "--rank", 2);
        assertEquals(settings, Files.readString(second.resolve("config.yaml")));
        Files.delete(second.resolve("trainer_state.json"));
        done("train", "--config", second.resolve("config.yaml"), "--resume", "--adapter", copy);
        assertTrue(Files.readString(second.resolve("config.yaml")).contains("starting_adapter: " + copy));
        String card = Files.readString(second.resolve("README.md"));
        assertTrue(card.contains("It goes on from the adapter `" + copy + "`."), card);
        Files.writeString(copy.resolve("adapter_config.json"), "\n", StandardOpenOption.APPEND);
        Captured other = loft("train", "--config", second.resolve("config.yaml"), "--resume");
        assertEquals(2, other.status());
        assertTrue(other.err().contains("starting_adapter was "), other.err());
    }

    /** What a run goes on from is not what its settings have judged. */
    @Test
    void theSettingsOfARunDoNotHaveItsStartJudged() throws IOException {
        Path second = folder.resolve("second");
        assertEquals(0, goOn("second", "--max-steps", 1).status());
        Path settings = second.resolve("config.yaml");
        for (List<Object> verb : List.<List<Object>>of(
                List.of("eval", "--data", rows),
                List.of("predict", "--text", "red"),
                List.of("generate", "--prompt", "red"))) {
            Object[] call = Stream.concat(verb.stream(), Stream.of("--config", settings))
                    .toArray();
            Captured refused = loft(call);
            assertEquals(2, refused.status(), refused.out() + refused.err());
            assertTrue(refused.err().contains("or --adapter ADAPTER with one that names its model"), refused.err());
            assertTrue(refused.err().contains("starting_adapter"), refused.err());
        }
        assertEquals(loss(second), loss(second, "--config", settings));
        // one file for a training and what judges it
        Path third = folder.resolve("third");
        Path shared = Files.writeString(
                folder.resolve("shared.yaml"),
                "starting_adapter: " + first + "\nadapter: " + third + "\noutput_dir: " + third + "\ntrain_file: "
                        + rows + "\ntest_file: " + rows + "\nmax_steps: 1\n");
        done("train", "--config", shared);
        assertEquals(
                loss(third),
                json(loft("eval", "--config", shared, "--json")).get("loss").asDouble());
    }

    private Path copyOf(Path directory, String name) throws IOException {
        Path copy = Files.createDirectory(folder.resolve(name));
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        return copy;
    }

    /** What the first training was set to stands in its settings, which say what the adapter says. */
    @Test
    void theSettingsOfTheFirstTrainingServeTheSecond() throws IOException {
        Path second = folder.resolve("second");
        done("train", "--config", first.resolve("config.yaml"), "--adapter", first, "--output", second, "--seed", 4);
        assertTrue(Files.readString(second.resolve("config.yaml")).contains("\nr: 2\n"));
        done("train", "--config", second.resolve("config.yaml"), "--resume");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--rank 4 | --rank 4 is given, and the adapter has r 2",
                "--alpha 2 | --alpha 2.0 is given, and the adapter has lora_alpha 4.0",
                "--rslora | use_rslora (--rslora) is true, and the adapter has false",
                "--target-modules query | --target-modules means 2 layers, and the adapter is on other ones, 13: target_modules [",
                "--exclude-modules .*query | --exclude-modules means 11 layers, and the adapter is on other ones, 13: target_modules [",
                "--modules-to-save LayerNorm | --modules-to-save LayerNorm is given, and the adapter brings ",
                "--method full | method full trains the model itself, and goes on from no adapter",
                "--method dora | method dora trains magnitudes, which the adapter has not",
                "--task token-classification | the adapter FIRST was trained for sequence-classification",
                "--pooling cls | pooling CLS is asked for, and the adapter FIRST was trained with",
            })
    void whatContradictsTheAdapterIsRefused(String more, String fault) {
        Captured call = goOn("second", (Object[]) more.split(" "));
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains(fault.replace("FIRST", first.toString())), call.err());
        assertFalse(Files.exists(folder.resolve("second/config.yaml")));
    }

    @Test
    void whatSaysTheSameIsNot() {
        Captured call = goOn(
                "second",
                "--rank",
                2,
                "--alpha",
                4,
                "--target-modules",
                "all-linear",
                "--modules-to-save",
                "classifier",
                "--dropout",
                0.1,
                "--method",
                "lora",
                "--task",
                "sequence-classification",
                "--model",
                model,
                "--max-steps",
                1);
        assertEquals(0, call.status(), call.err());
    }

    @Test
    void labelsAreThoseOfTheAdapter() throws IOException {
        // not in the order of the first rows
        Path turned = Files.writeString(folder.resolve("turned.csv"), "text,label\na red ball,RED\na ball,blue\n");
        Captured known = goOn("known", "--data", turned, "--max-steps", 1);
        assertEquals(0, known.status(), known.err());
        assertEquals(
                List.of("blue", "red"), TaskFile.read(folder.resolve("known")).labels());
        for (String label : List.of("green", "blue,green", "blue,RED,red2")) {
            StringBuilder csv = new StringBuilder("text,label\na red ball,red\n");
            for (String each : label.split(",")) {
                csv.append("a ball,").append(each).append('\n');
            }
            Path other = Files.writeString(folder.resolve("other.csv"), csv);
            for (String streaming : STREAMING) {
                Captured call = goOn("other", "--data", other, streaming);
                assertEquals(2, call.status(), call.err());
                assertTrue(
                        call.err()
                                .contains("the adapter " + first + " tells \"blue\", \"red\" apart, and the data has"),
                        call.err());
                assertTrue(call.err().contains("or train a new adapter"), call.err());
            }
        }
    }

    /** More of one class alone is learnt; one that the adapter does not know is refused in these words. */
    @Test
    void rowsOfOneOfItsClassesAreLearnt() throws IOException {
        Path reds = Files.writeString(folder.resolve("reds.csv"), "text,label\na red ball,Red\nall red,Red\n");
        Path greens = Files.writeString(folder.resolve("greens.csv"), "text,label\na ball,green\nit,green\n");
        for (String streaming : STREAMING) {
            Captured known = goOn("one" + streaming, "--data", reds, "--max-steps", 1, streaming);
            assertEquals(0, known.status(), known.err());
            assertTrue(known.err().contains("; all of them have one label, \"Red\""), known.err());
            assertEquals(
                    List.of("blue", "red"),
                    TaskFile.read(folder.resolve("one" + streaming)).labels());
            Captured other = goOn("other", "--data", greens, streaming);
            assertEquals(1, other.status(), other.err());
            assertTrue(
                    other.err()
                            .contains(
                                    "has only one label, \"green\", which is none of those that the model tells apart, \"blue\", \"red\""),
                    other.err());
        }
        // classes without names may be any
        Files.delete(first.resolve("loft_task.json"));
        Captured unnamed = goOn("unnamed", "--data", reds);
        assertEquals(1, unnamed.status(), unnamed.err());
        assertTrue(unnamed.err().contains("there is nothing to tell apart"), unnamed.err());
        Captured numbers = goOn("numbers", "--problem-type", "regression");
        assertEquals(2, numbers.status(), numbers.err());
        assertTrue(
                numbers.err()
                        .contains(
                                "was trained for sequence-classification of \"LABEL_0\", \"LABEL_1\": leave --problem-type"),
                numbers.err());
    }

    @Test
    void outputsInTheWayOfTheAdapterAreRefused() throws IOException {
        for (Path output : List.of(first, first.resolve("next"), folder)) {
            for (String how : List.of("--overwrite", "--resume", "--dry-run")) {
                Captured call = loft("train", "--adapter", first, "--data", rows, "--output", output, how);
                assertEquals(2, call.status(), call.err());
                assertTrue(call.err().contains("of the adapter that the run starts from"), call.err());
            }
        }
        assertTrue(loss(first) > 0);
        assertFalse(Files.exists(first.resolve("next")));
    }

    @Test
    void itIsReckonedAndTriedBeforehand() throws IOException {
        JsonNode dry = json(goOn("second", "--dry-run", "--json"));
        assertTrue(dry.get("trained_parameters").asLong() > 0);
        assertFalse(Files.exists(folder.resolve("second")));
        Captured little = goOn("second", "--max-memory", "1MB");
        assertEquals(2, little.status());
        assertTrue(little.err().contains("max_memory is "), little.err());
    }

    /** PEFT's adapters have no loft_task.json: their task and model stand in adapter_config.json, their labels are unnamed. */
    @Test
    void anAdapterOfPeftsIsGoneOnFrom() throws IOException {
        Files.delete(first.resolve("loft_task.json"));
        Captured call = goOn("second", "--max-steps", 1, "--eval-data", rows);
        assertEquals(0, call.status(), call.err());
        assertEquals(
                List.of("blue", "red"), TaskFile.read(folder.resolve("second")).labels());
        assertTrue(call.err().contains("classes have no names, and are taken for the data's in this order: \"blue\""));
        Path three = Files.writeString(folder.resolve("three.csv"), "text,label\na,x\nb,y\nc,z\n");
        Captured other = goOn("third", "--data", three);
        assertEquals(2, other.status(), other.err());
        assertTrue(other.err().contains(" tells \"LABEL_0\", \"LABEL_1\" apart"), other.err());
    }

    @Test
    void anAdapterThatIsNotThereOrFitsNotIsToldOf() throws IOException {
        Captured none =
                loft("train", "--adapter", folder.resolve("none"), "--data", rows, "--output", folder.resolve("x"));
        assertEquals(2, none.status());
        assertTrue(none.err().contains("--adapter "), none.err());
        Captured whole = loft("train", "--adapter", model, "--data", rows, "--output", folder.resolve("x"));
        assertNotEquals(0, whole.status());
        assertTrue(whole.err().contains("holds a whole model and no adapter: give it as --model"), whole.err());
        Captured neither = loft("train", "--data", rows, "--output", folder.resolve("x"));
        assertEquals(2, neither.status());
        assertTrue(neither.err().contains("--model MODEL is needed, or --adapter ADAPTER"), neither.err());
        Captured misfit = goOn("second", "--model", Fixtures.of("stories260K"));
        assertNotEquals(0, misfit.status());
        assertTrue(misfit.err().contains(first + ": does not fit "), misfit.err());
    }

    @Test
    void settingsThatAreLeftToTheAdapterAreNotShownAsOthers() throws IOException {
        Captured call = done("config", "train", "--adapter", first, "--seed", 3);
        assertTrue(call.out().lines().anyMatch(line -> line.matches("# r: +# default")), call.out());
        assertTrue(call.out().lines().anyMatch(line -> line.matches("# target_modules: +# default")), call.out());
        Path file = Files.writeString(folder.resolve("next.yaml"), call.out());
        done("train", "--config", file, "--data", rows, "--max-steps", 1, "--output", folder.resolve("second"));
    }
}
