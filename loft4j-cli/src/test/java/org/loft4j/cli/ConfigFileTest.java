package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.HubEnvironment;
import org.loft4j.io.ModelReference;
import org.loft4j.optim.Schedule;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

class ConfigFileTest {
    @TempDir
    Path directory;

    @Test
    void keysAreHuggingFacesAndOptionsOverrideThem() throws IOException {
        TrainCommand train = parse("""
                model_name_or_path: somewhere
                train_file: rows.csv
                output_dir: run
                r: 3
                target_modules: [query, value]
                modules_to_save: [classifier]
                learning_rate: 2e-4
                lr_scheduler_type: cosine
                bf16: true
                group_by_length: false
                per_device_train_batch_size: 4
                """, "--batch-size", "6");
        assertEquals(new ModelReference("somewhere"), train.model.model);
        assertEquals(3, train.method.rank);
        assertEquals("query,value", train.adapter.targetModules);
        assertEquals(List.of("classifier"), train.adapter.modulesToSave);
        assertEquals(2e-4, train.config().learningRate());
        assertEquals(Schedule.Kind.COSINE, train.config().schedule());
        assertEquals("bfloat16", train.device.dtype);
        assertEquals(false, train.config().groupByLength());
        assertEquals(6, train.config().batchSize());
    }

    /** Both are null in YAML. */
    @Test
    void aKeyWithNothingBehindItSetsNothing() throws IOException {
        TrainCommand train = parse("""
                model_name_or_path: somewhere
                train_file: rows.csv
                output_dir: run
                validation_file:
                label_column:
                max_length: null
                """);
        assertNull(train.eval.file);
        assertNull(train.data.labelColumn);
        assertNull(train.data.maxLength);
    }

    /** As the trainers of Hugging Face and LLaMA-Factory have them. */
    @Test
    void valuesAreHuggingFacesToo() throws IOException {
        TrainCommand train = parse("""
                model_name_or_path: somewhere
                train_file: rows.csv
                output_dir: run
                num_train_epochs: 2.5
                lr_scheduler_type: constant_with_warmup
                warmup_steps: 20
                metric_for_best_model: eval_accuracy
                """);
        assertEquals(2.5, train.config().epochs());
        assertEquals(Schedule.Kind.CONSTANT, train.config().schedule());
        assertEquals(20, train.config().warmupSteps());
        assertEquals(0, train.config().warmupRatio());
        assertEquals("accuracy", train.config().metricForBest());
        Path file = write("warmup_ratio: 0.1\n");
        String both = Captured.loft("train", "--config", file.toString(), "--warmup-steps", "20")
                .err();
        assertFalse(both.contains("exclude"), both);
        String asked = Captured.loft("train", "--warmup-ratio", "0.1", "--warmup-steps", "20")
                .err();
        assertTrue(asked.contains("warmup_steps and warmup_ratio exclude each other"), asked);
    }

    /** As Transformers takes it, as the key itself, and refused where more is asked for. */
    @Test
    void theMinimumOfACourseMayStandAmongItsSettings() throws IOException {
        String required =
                "model: somewhere\ntrain_file: rows.csv\noutput_dir: run\nlr_scheduler_type: cosine_with_min_lr\n";
        TrainCommand nested = parse(required + "lr_scheduler_kwargs: {min_lr_rate: 0.1}\n");
        assertEquals(Schedule.Kind.COSINE_WITH_MIN_LR, nested.config().schedule());
        assertEquals(0.1, nested.config().minLrRatio());
        assertEquals(0.2, parse(required + "min_lr_ratio: 0.2\n").config().minLrRatio());
        Path file = write(required + "lr_scheduler_kwargs: {min_lr: 1e-6}\n");
        String err = Captured.loft("train", "--config", file.toString()).err();
        assertTrue(
                err.contains(file + ": of lr_scheduler_kwargs min_lr_rate alone is known, and there is min_lr"), err);
    }

    /** As adapter_config.json has it. */
    @Test
    void anEmptyListOfModulesIsNone() throws IOException {
        String required = "model: somewhere\ntrain_file: rows.csv\noutput_dir: run\n";
        assertEquals("none", parse(required + "target_modules: []\n").adapter.targetModules);
    }

    @Test
    void labelSmoothingHasTheNameOfTransformers() throws IOException {
        String required = "model: somewhere\ntrain_file: rows.csv\noutput_dir: run\n";
        assertEquals(0, parse(required).config().loss().labelSmoothing());
        String file = required + "label_smoothing_factor: 0.1\n";
        assertEquals(0.1, parse(file).config().loss().labelSmoothing());
        assertEquals(
                0.2, parse(file, "--label-smoothing", "0.2").config().loss().labelSmoothing());
    }

    @Test
    void settingsOfRivalsAreOptionsAndKeys() throws IOException {
        String required = "model: somewhere\ntrain_file: rows.csv\noutput_dir: run\n";
        TrainCommand plus = parse(required + "method: lora-plus\nlora_plus_ratio: 4\n");
        assertEquals(4, plus.config().peers().loraPlusRatio());
        TrainCommand reflora = parse(required + "method: reflora\nreflora_warmup: 20\n", "--reflora-warmup", "30");
        assertEquals(30, reflora.config().peers().refLoraWarmup());
        Path settings = write("method: reflora\nreflora_warmup: 20\n");
        Captured printed = Captured.loft("config", "train", "--config", settings.toString());
        assertTrue(printed.out().matches("(?s).*\\nreflora_warmup: 20 +# file\\n.*"), printed.out());
        assertTrue(printed.out().matches("(?s).*\\nlora_plus_ratio: 16.0 +# default\\n.*"), printed.out());
    }

    @Test
    void oneSettingUnderTwoNamesIsAProblem() throws IOException {
        Path file = write("rank: 4\nr: 8\n");
        Captured call = Captured.loft("train", "--config", file.toString());
        assertEquals(2, call.status());
        assertTrue(call.err().contains("r is set twice, to 4 and to 8"), call.err());
    }

    @Test
    void keysOfOtherVerbsAreNoMistake() throws IOException {
        Path file = write("learning_rate: 1e-3\nmax_new_tokens: 5\n");
        Captured call = Captured.loft("inspect", "--config", file.toString(), directory.toString());
        assertEquals(1, call.status(), call.err());
        assertTrue(call.err().contains("nothing to inspect"), call.err());
    }

    @Test
    void aKeyOfAnotherVerbIsNamedWithTheVerbsOwnThatIsNearIt() throws IOException {
        Path file = write("learning_rates: 1e-5\nranks: 2\nmax_new_tokens: 5\nseeds: 7\nseed: 3\n");
        String err = Captured.loft("train", "--config", file.toString()).err();
        assertTrue(
                err.contains("loft train: " + file + ": learning_rates is a key of compare; train ignores it:"
                        + " did you mean learning_rate?"),
                err);
        assertTrue(err.contains("ranks is a key of compare, reproduce; train ignores it: did you mean r?"), err);
        // seed is set, so seeds is not it mistyped
        assertTrue(err.contains(file + ": train ignores keys of other verbs: max_new_tokens, seeds"), err);
        assertFalse(err.contains("unknown"), err);
        assertFalse(err.contains("ignores keys of other verbs: seed,"), err);
        err = Captured.loft("config", "train", "--config", file.toString()).err();
        assertTrue(err.contains("did you mean learning_rate?"), err);
        Path own = write("seed: 3\nlearning_rate: 1e-3\nbf16: true\nmax_seq_length: 4\n");
        assertFalse(Captured.loft("train", "--config", own.toString()).err().contains("ignores"), "keys of its own");
    }

    @Test
    void whatARunHasLearntFromIsNotWhatIsPredicted() throws IOException {
        Path file = write("train_file: rows.csv\ntest_file: others.csv\n");
        for (String verb : List.of("eval", "predict", "generate")) {
            Captured call = Captured.loft("config", verb, "--config", file.toString());
            assertTrue(call.out().contains("test_file: others.csv"), call.out());
            assertFalse(call.out().contains("rows.csv"), call.out());
            assertTrue(call.err().contains(verb + " ignores keys of other verbs: train_file"), call.err());
        }
    }

    @Test
    void testRowsHaveOneKeyWhoeverReadsThem() throws IOException {
        for (String line : List.of("test_file: others.csv", "test_data: others.csv")) {
            for (String verb : List.of("eval", "compare", "reproduce")) {
                Captured call = Captured.loft(
                        "config", verb, "--config", write(line + "\n").toString());
                assertTrue(call.out().matches("(?s).*\\btest_file: others.csv +# file\n.*"), verb + call.out());
            }
        }
        Path file = write("train_file: rows.csv\nmodel: somewhere\n");
        String err = Captured.loft("eval", "--config", file.toString()).err();
        assertTrue(err.contains("Missing required option: '--data=FILE'"), err);
    }

    @Test
    void aHintIsGivenWhereAKeyIsNear() throws IOException {
        Path file = write("lora_rank: 4\nbogus: 1\nbatch_size: 2\nsave_strategy: steps\nlr: 1\n");
        String err = Captured.loft("train", "--config", file.toString()).err();
        assertTrue(err.contains("unknown key lora_rank; did you mean r?"), err);
        assertTrue(err.lines().anyMatch(line -> line.endsWith("unknown key bogus")), err);
        assertTrue(err.contains("unknown key lr; did you mean learning_rate?"), err);
        assertTrue(err.contains("unknown key save_strategy; did you mean save_steps?"), err);
        assertTrue(err.contains("unknown key batch_size; did you mean per_device_train_batch_size?"), err);
    }

    /** Picocli makes the opposite of its default of a switch. */
    @Test
    void aSwitchOfTheCallIsWhatItSaysWhateverTheFileSays() throws IOException {
        Map<OptionSpec, String> switches = new LinkedHashMap<>();
        ConfigKeys.visit(Loft.commandLine(HubEnvironment::ofUser), (key, option) -> {
            if (option.typeInfo().isBoolean()) {
                switches.put(option, key);
            }
        });
        assertTrue(switches.size() > 25, switches.toString());
        for (Map.Entry<OptionSpec, String> entry : switches.entrySet()) {
            OptionSpec option = entry.getKey();
            String name = option.longestName();
            for (String set : List.of("true", "false")) {
                Path file = write(entry.getValue() + ": " + set + "\n");
                String said = option.command().qualifiedName() + " " + name + " over " + set;
                assertEquals(true, given(option, file, name), said);
                assertEquals(Boolean.valueOf(set), given(option, file), said);
                if (option.negatable()) {
                    assertEquals(false, given(option, file, "--no-" + name.substring(2)), said);
                }
            }
        }
    }

    /** What an option is in a call of its verb with these words. */
    private static Object given(OptionSpec option, Path file, String... words) {
        PrintWriter nowhere = new PrintWriter(new StringWriter());
        List<String> args =
                new ArrayList<>(List.of(option.command().qualifiedName().split(" ")));
        args.set(0, "--config=" + file);
        CommandLine root = Call.commandLine(HubEnvironment::ofUser, nowhere, nowhere, args.toArray(String[]::new));
        args.remove(0);
        CommandLine verb = root;
        for (String name : args) {
            verb = verb.getSubcommands().get(name);
        }
        args.addAll(List.of(words));
        root.parseArgs(args.toArray(String[]::new));
        return verb.getCommandSpec().findOption(option.longestName()).getValue();
    }

    /** Each element of a list is the option given once more, commas within it included. */
    @Test
    void aListOfTextsIsTheOptionGivenSeveralTimes() throws IOException {
        Path file = write("""
                learning_rates: ["lora=1e-3,3e-3", "1e-4,3e-4"]
                text: ["Well, well", "No"]
                stop: [",", '"', '"}', "\\x1f", '${none}']
                image: [a.png, "b,c.png"]
                modules_to_save: ['a"', 'b"', "c,d"]
                """);
        CommandLine root = Call.commandLine(
                HubEnvironment::ofUser,
                new PrintWriter(new StringWriter()),
                new PrintWriter(new StringWriter()),
                "--config=" + file,
                "compare",
                "generate",
                "predict",
                "train");
        CompareCommand compare = root.getSubcommands().get("compare").getCommand();
        root.parseArgs("compare", "--output=x");
        assertEquals(List.of("lora=1e-3,3e-3", "1e-4,3e-4"), compare.learningRates);
        root.parseArgs("compare", "--output=x", "--learning-rates=lora=1e-3,3e-3", "--learning-rates=1e-2");
        assertEquals(List.of("lora=1e-3,3e-3", "1e-2"), compare.learningRates);
        GenerateCommand generate = root.getSubcommands().get("generate").getCommand();
        root.parseArgs("generate", "--model=x");
        assertEquals(List.of("Well, well", "No"), generate.texts);
        assertEquals(List.of(",", "\"", "\"}", "\u001f", "${none}"), generate.sampling.stop);
        PredictCommand predict = root.getSubcommands().get("predict").getCommand();
        root.parseArgs("predict", "--model=x");
        assertEquals(List.of("Well, well", "No"), predict.texts);
        assertEquals(List.of(Path.of("a.png"), Path.of("b,c.png")), predict.images);
        root.parseArgs("predict", "--model=x", "--image=d.png");
        assertEquals(List.of(Path.of("d.png")), predict.images);
        TrainCommand train = root.getSubcommands().get("train").getCommand();
        root.parseArgs("train");
        // what takes commas takes them within an element too, as within each word of a call
        assertEquals(List.of("a\"", "b\"", "c", "d"), train.adapter.modulesToSave);
    }

    @Test
    void aListGivesAnOptionThatIsRequired() throws IOException {
        Path file = write("adapter: [code=0.7, chat=0.3]\n");
        Captured call = Captured.loft("adapters", "combine", "--config", file.toString(), "--output", "both");
        assertEquals(
                List.of(
                        "loft adapters combine: --adapter code holds no adapter_config.json",
                        "loft adapters combine: --adapter chat holds no adapter_config.json",
                        "'loft adapters combine --help' says what it takes."),
                call.err().lines().toList());
        String printed = Captured.loft("config", "adapters", "combine", "--config", file.toString())
                .out();
        assertTrue(printed.matches("(?s).*adapter: +# file\n- code=0.7\n- chat=0.3\n.*"), printed);
    }

    @Test
    void anEmptyListIsAsIfNotGiven() throws IOException {
        TrainCommand train = parse("sample_prompt: []\nmodules_to_save: []\nmodel: a\noutput_dir: run\n");
        assertEquals(List.of(), train.watch.samplePrompts);
        assertEquals(List.of(), train.adapter.inFull());
        assertEquals(List.of(""), parse("sample_prompt: ['']\nmodel: a\noutput_dir: run\n").watch.samplePrompts);
        // a single value cannot be a list of none
        Path file = write("learning_rate: []\n");
        String err = Captured.loft("train", "--config", file.toString()).err();
        assertTrue(err.contains(file + ": learning_rate: '' is not a number"), err);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '#',
            value = {
                "r: four | r: 'four' is not a whole number",
                "r: '' | r: '' is not a whole number",
                "learning_rate: [1, 2] | learning_rate: '1,2' is not a number",
                "eval_steps: 2.5 | eval_steps: '2.5' is not a whole number",
                "num_train_epochs: half | num_train_epochs: 'half' is not a number",
                "seed: 99999999999999999999 | seed: '99999999999999999999' is out of range",
                "group_by_length: perhaps | group_by_length: 'perhaps' is neither true nor false",
                "method: lofty | method must be one of",
                "bf16: perhaps | bf16: 'perhaps' is neither true nor false",
                "lr_scheduler_kwargs: 1 | lr_scheduler_kwargs must hold a setting, as {min_lr_rate: 0.1} does",
            })
    void aValueThatCannotBeReadIsNamedAndNoOtherSettingGetsLost(String line, String message) throws IOException {
        Path file = write("model: a\ntrain_file: b.csv\noutput_dir: run\n" + line + "\n");
        Captured call = Captured.loft("train", "--config", file.toString());
        assertEquals(2, call.status());
        assertTrue(call.err().contains("loft train: " + file + ": " + message), call.err());
        assertTrue(call.err().contains("--data b.csv: there is no such file"), call.err());
        assertFalse(call.err().contains("Missing"), call.err());
    }

    @Test
    void allThatIsWrongInTheFileAndInTheCallIsToldAtOnce() throws IOException {
        Path file = write("output_dir: run\nr: four\neval_steps: 2.5\n");
        String err = Captured.loft("train", "--config", file.toString(), "--epochs", "x")
                .err();
        assertTrue(err.contains("r: 'four' is not"), err);
        assertTrue(err.contains("eval_steps: '2.5' is not"), err);
        assertTrue(err.contains("'--epochs': 'x' is not a number"), err);
        assertTrue(err.contains("--model MODEL is needed, or --adapter ADAPTER"), err);
        assertFalse(err.contains("--output"), err);
    }

    @Test
    void ofAFileThatCannotBeReadNobodyKnowsWhatIsMissing() throws IOException {
        Path none = directory.resolve("none.yaml");
        unread(none, ": cannot be read, there is no such file");
        unread(directory, ": cannot be read, it is a directory");
        String err = Captured.loft("train", "--config", "a\0b").err();
        assertTrue(err.contains("loft train: a\0b: no file can be named so: Nul character"), err);
        Path bytes = Files.write(directory.resolve("bytes.yaml"), new byte[] {(byte) 0xff, (byte) 0xfe});
        unread(bytes, ": cannot be read, it is not text in UTF-8");
        unread(write("- r\n"), ": must hold keys and values");
        unread(
                write("r: [1\nb: }\n"),
                ", line 2, column 2: while parsing a flow sequence: expected ',' or ']', but got :");
        unread(write("r: 3\nr: 4\n"), ", line 2, column 2: Duplicate field 'r'");
    }

    private static void unread(Path file, String problem) {
        Captured call = Captured.loft("train", "--config", file.toString());
        assertEquals(2, call.status());
        assertEquals(
                List.of("loft train: " + file + problem, "'loft train --help' says what it takes."),
                call.err().lines().toList());
    }

    private TrainCommand parse(String yaml, String... more) throws IOException {
        PrintWriter nowhere = new PrintWriter(new StringWriter());
        String[] args = Stream.concat(Stream.of("train", "--config", write(yaml).toString()), Stream.of(more))
                .toArray(String[]::new);
        CommandLine root = Call.commandLine(HubEnvironment::ofUser, nowhere, nowhere, args);
        CommandLine.ParseResult parsed = root.parseArgs(args);
        assertEquals(List.of(), parsed.subcommand().errors());
        return (TrainCommand) root.getSubcommands().get("train").getCommand();
    }

    private Path write(String yaml) throws IOException {
        return Files.writeString(directory.resolve("run.yaml"), yaml);
    }
}
