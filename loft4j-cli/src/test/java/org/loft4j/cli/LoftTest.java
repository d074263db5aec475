package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.HubEnvironment;
import picocli.CommandLine;

class LoftTest {
    @TempDir
    Path directory;

    @Test
    void withoutArgumentsItShowsTheVerbs() {
        Captured call = Captured.loft();
        assertEquals(0, call.status());
        assertTrue(call.out().contains("inspect"), call.out());
        assertEquals(call.out(), Captured.loft("--help").out());
    }

    @Test
    void aCallKnowsAllVerbsThoughItReadsOnlyItsOwn() throws IOException {
        PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
        CommandLine all = Call.commandLine(HubEnvironment::ofUser, nowhere, nowhere);
        assertEquals(all.getUsageMessage(), Captured.loft("--help").out());
        Map<String, CommandLine> verbs = all.getSubcommands();
        verbs.forEach((name, verb) -> {
            String page = verb.getUsageMessage();
            assertEquals(page, Captured.loft(name, "--help").out());
            assertEquals(page, Captured.loft("help", name).out());
        });
        String page = verbs.get("adapters").getSubcommands().get("list").getUsageMessage();
        assertEquals(page, Captured.loft("adapters", "list", "--help").out());
    }

    @Test
    void aTextMayBeginAsPicocliBeginsAFileOfWords() throws IOException {
        Path words = Files.writeString(directory.resolve("words"), "--eval-batch-size 7");
        for (String text : new String[] {"@" + words, "@@ -1,3 +1,3 @@"}) {
            String told =
                    Captured.loft("config", "predict", "--text", text, "--json").out();
            assertTrue(told.contains(text), told);
            CommandLine all = Call.commandLine(
                    HubEnvironment::ofUser, new PrintWriter(Writer.nullWriter()), new PrintWriter(Writer.nullWriter()));
            all.parseArgs("predict", "--model=x", "--text", text);
            PredictCommand predict = all.getSubcommands().get("predict").getCommand();
            assertEquals(List.of(text), predict.texts);
        }
    }

    @Test
    void anUnknownVerbIsAWrongCallAndTheNearestIsNamed() {
        Captured call = Captured.loft("inspct");
        assertEquals(2, call.status());
        assertTrue(
                call.err()
                        .startsWith(
                                "loft: there is no verb 'inspct'; did you mean inspect?\nloft: the verbs are demo, "),
                call.err());
        assertTrue(Captured.loft("pred", "--model", "x").err().contains("'pred'; did you mean predict?"));
        assertTrue(Captured.loft("tarin").err().contains("'tarin'; did you mean train?"));
        assertTrue(Captured.loft("").err().startsWith("loft: there is no verb ''\n"));
        String far = Captured.loft("sing").err();
        assertTrue(far.startsWith("loft: there is no verb 'sing'\n"), far);
        String within = Captured.loft("data", "chek").err();
        assertTrue(within.startsWith("loft data: there is no verb 'chek'; did you mean check?\n"), within);
    }

    /** Each by itself, whatever was to be its value, beside all else that is wrong with the call. */
    @Test
    void anUnknownOptionIsToldWithTheOneThatIsMeant() {
        Map<String, String> meant = new LinkedHashMap<>();
        meant.put("--num-train-epochs", "; did you mean --epochs?");
        meant.put("--epoch", "; did you mean --epochs?");
        meant.put("--lr", "; did you mean --learning-rate?");
        meant.put("--lora_r", "; did you mean --rank?");
        meant.put("--per_device_train_batch_size", "; did you mean --batch-size?");
        meant.put("--gradient-accumulation", "; did you mean --accumulate?");
        meant.put("--weight_decay", "; did you mean --weight-decay?");
        meant.put("--cutoff-len", "; did you mean --max-length?");
        meant.put("--bf16", "; did you mean --dtype?");
        meant.put("--eval-split", "; did you mean --eval-share?");
        meant.put("--jsn", "; did you mean --json?");
        meant.put("--folds", ", which is of compare");
        meant.put("--bogus", "");
        List<String> call = new ArrayList<>(List.of("train"));
        meant.keySet().forEach(option -> call.addAll(List.of(option, "3")));
        call.addAll(List.of("--rnk=-2", "more"));
        List<String> told = new ArrayList<>(List.of("Missing required option: '--output=DIR'"));
        meant.forEach((option, hint) -> told.add("Unknown option: '" + option + "'" + hint));
        told.addAll(List.of("Unknown option: '--rnk'; did you mean --rank?", "Unmatched argument: 'more'"));
        List<String> said =
                Captured.loft(call.toArray(String[]::new)).err().lines().toList();
        assertEquals(told.stream().map(line -> "loft train: " + line).toList(), said.subList(0, told.size()));
    }

    @Test
    void whatOtherToolsCallAVerbIsToldByItsNameHere() {
        String serve = Captured.loft("serve", "--model", "x").err();
        assertTrue(serve.startsWith("loft: there is no verb 'serve'; here it is export --to gguf, "), serve);
        String finetune = Captured.loft("finetune", "--model", "x").err();
        assertTrue(finetune.startsWith("loft: there is no verb 'finetune'; here it is train, "), finetune);
    }

    @Test
    void aTextWithoutItsOptionIsToldWhereItBelongs() {
        Captured call = Captured.loft("predict", "--model", "x", "She have lost her keys.");
        assertEquals(2, call.status());
        assertTrue(call.err().contains("'She have lost her keys.'; a text is given with --text"), call.err());
    }

    @Test
    void allProblemsOfACallAreReportedAtOnce() throws IOException {
        Path config = directory.resolve("run.yaml");
        Files.writeString(config, "model_name_or_pth: somewhere\nalll: true\n");
        Captured call = Captured.loft("inspect", "--config", config.toString(), "--modle", "x");
        assertEquals(2, call.status());
        assertTrue(call.err().contains("unknown key model_name_or_pth; did you mean model_name_or_path?"), call.err());
        assertTrue(call.err().contains("unknown key alll; did you mean all?"), call.err());
        assertTrue(call.err().contains("--modle"), call.err());
        assertTrue(call.err().contains("loft inspect --help"), call.err());
    }

    /** Those that are refused by themselves beside those that are refused as settings of a run. */
    @Test
    void wrongNumbersOfALossAreToldWithOtherWrongSettings() {
        for (List<String> verb : List.of(
                List.of("train", "--model", ".", "--data", ".", "--learning-rate", "-2"),
                List.of("compare", "--model", ".", "--data", ".", "--learning-rates", "-2"))) {
            List<String> words = new ArrayList<>(verb);
            words.addAll(List.of("--output", directory.toString(), "--preference-beta", "-1", "--class-weights", "a"));
            words.addAll(List.of("--similarity-scale", "0", "--loft-without", "b", "--accumulate", "0"));
            String told = Captured.loft(words.toArray(String[]::new)).err();
            for (String one : List.of(
                    "beta must be greater than 0 and finite, got -1.0",
                    "class_weights must be balanced, or NAME=WEIGHT",
                    "similarity_scale must be greater than 0 and finite, got 0.0",
                    "loft_without must name blocks",
                    "gradient_accumulation_steps must be at least 1, got 0",
                    "learning_rate must be greater than 0 and finite, got -2.0")) {
                assertEquals(2, told.split(Pattern.quote(one), -1).length, one + " once\n" + told);
            }
        }
    }

    @Test
    void everyVerbTellsWhatACallLacks() {
        List<List<String>> verbs = verbs(Loft.commandLine(HubEnvironment::ofUser), List.of());
        assertTrue(verbs.size() > 20, verbs.toString());
        for (List<String> verb : verbs) {
            PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
            CommandLine all = Call.commandLine(HubEnvironment::ofUser, nowhere, nowhere);
            List<CommandLine> chain = all.parseArgs(verb.toArray(String[]::new)).asCommandLineList();
            CommandLine last = chain.get(chain.size() - 1);
            Problems problems = new Problems();
            boolean lacks = !last.getParseResult().errors().isEmpty();
            if (!lacks) {
                ((Verb) last.getCommand()).check(problems);
            }
            if (lacks || !problems.messages().isEmpty()) {
                Captured call = Captured.loft(verb.toArray(String[]::new));
                assertEquals(2, call.status(), verb + ": " + call.err());
                assertFalse(call.err().contains("Exception"), call.err());
            }
        }
        assertTrue(Captured.loft("doctor").err().contains("Missing required parameter: 'MODEL'"));
        assertTrue(Captured.loft("export").err().contains("Missing required option: '--output=FILE'"));
        String combine = Captured.loft("adapters", "combine", "--rank=2").err();
        assertTrue(combine.contains("'--adapter=DIR=WEIGHT'") && combine.contains("--how svd"), combine);
    }

    /** The words of each verb that does something. */
    private static List<List<String>> verbs(CommandLine command, List<String> words) {
        List<List<String>> verbs = new ArrayList<>();
        command.getSubcommands().forEach((name, verb) -> {
            List<String> longer = new ArrayList<>(words);
            longer.add(name);
            if (verb.getCommand() instanceof Verb) {
                verbs.add(longer);
            }
            verbs.addAll(verbs(verb, longer));
        });
        return verbs;
    }

    @Test
    void aWordThatIsNoNumberIsToldWithoutWordsOfJava() {
        String err = Captured.loft(
                        "train",
                        "--batch-size",
                        "0.5",
                        "--beta1",
                        "nan",
                        "--eval-steps",
                        "2.5",
                        "--seed",
                        "1".repeat(30))
                .err();
        assertTrue(err.contains("'--batch-size': '0.5' is not a whole number"), err);
        assertTrue(err.contains("'--beta1': 'nan' is not a number"), err);
        assertTrue(err.contains("'--eval-steps': '2.5' is not a whole number"), err);
        assertTrue(err.contains("'--seed': '" + "1".repeat(30) + "' is out of range"), err);
    }

    @Test
    void aFailureIsOneLineAndTheTraceComesOnRequest() {
        Captured call = Captured.loft("inspect", directory.resolve("none").toString());
        assertEquals(1, call.status());
        assertEquals(1, call.err().lines().count(), call.err());
        assertTrue(call.err().contains("there is no such file or directory"), call.err());
        Captured verbose =
                Captured.loft("inspect", "--verbose", directory.resolve("none").toString());
        assertTrue(verbose.err().contains("CheckpointException"), verbose.err());
    }

    /** Where a training says it of its steps, all else says it of the call. */
    @Test
    void memoryOutsideOfTheHeapIsToldWithWhatNeedsLess() {
        Supplier<HubEnvironment> full = () -> {
            throw new RuntimeException(
                    "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
                            + " 51539607552 bytes.\nframe #0: c10::ThrowEnforceNotMet");
        };
        Captured call = Captured.loft(full, "generate", "--model=some/model", "--text", "a");
        assertEquals(1, call.status());
        List<String> lines = call.err().lines().toList();
        assertEquals(3, lines.size(), call.err());
        assertTrue(
                lines.get(0).startsWith("loft generate: out of memory: [enforce fail] DefaultCPUAllocator"),
                call.err());
        assertTrue(lines.get(1).startsWith("the process holds "), call.err());
        assertTrue(
                lines.get(2).startsWith("less is needed with ") && lines.get(2).contains("a smaller --max-new-tokens"),
                call.err());
        assertTrue(lines.get(2).endsWith("--load-in 8bit or 4bit"), call.err());
        String predict = Captured.loft(full, "predict", "--model=some/model", "--text", "a")
                .err();
        assertTrue(predict.contains("with a smaller --eval-batch-size, a smaller --max-length, --load-in"), predict);
    }

    @Test
    void aFullHeapIsALineThatSaysHowToGiveMore() throws IOException {
        Supplier<HubEnvironment> full = () -> {
            throw new OutOfMemoryError("Java heap space");
        };
        String data = TinyModels.colours(directory.resolve("rows.csv"), 8).toString();
        String output = directory.resolve("run").toString();
        Captured train = Captured.loft(full, "train", "--model=some/model", "--data", data, "--output", output);
        assertEquals(1, train.status());
        assertEquals(1, train.err().lines().count(), train.err());
        assertTrue(train.err().contains(" is full: give it more, as with LOFT_JAVA_OPTS=-Xmx"), train.err());
        assertTrue(train.err().contains(", or take --streaming"), train.err());
        Captured doctor = Captured.loft(full, "doctor", "some/model");
        assertTrue(doctor.err().contains("LOFT_JAVA_OPTS=-Xmx"), doctor.err());
        assertFalse(doctor.err().contains("--streaming"), doctor.err());
    }

    private static ProcessBuilder help() {
        return new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Loft.class.getName(),
                "--help");
    }

    private static String errors(Process process) throws IOException {
        return new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "/dev/full is Linux's")
    void outputThatCannotBeWrittenIsAFailure() throws Exception {
        Process full = help().redirectOutput(Path.of("/dev/full").toFile()).start();
        String err = errors(full);
        assertEquals(1, full.waitFor(), err);
        assertTrue(err.startsWith("loft: standard output could not be written: "), err);
        assertEquals(1, err.lines().count(), err);
    }

    /** Whatever the system says of it, and in which language. */
    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "other systems may let a pipe have a position")
    void aReaderThatHasEnoughIsToldNothing() throws Exception {
        Process left = help().start();
        left.getInputStream().close();
        String err = errors(left);
        assertEquals(1, left.waitFor(), err);
        assertEquals("", err);
    }

    @Test
    void aConfigurationThatIsNotYamlIsNamedWithItsLine() throws IOException {
        Path config = directory.resolve("bad.yaml");
        Files.writeString(config, "all: true\n  json: [\n");
        Captured call = Captured.loft("inspect", "--config=" + config, directory.toString());
        assertEquals(2, call.status());
        assertTrue(call.err().contains("bad.yaml, line "), call.err());
    }
}
