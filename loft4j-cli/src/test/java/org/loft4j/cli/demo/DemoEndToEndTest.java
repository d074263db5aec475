package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.demo.SentencePair.Split;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.Pooling;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;
import org.loft4j.train.Method;
import org.loft4j.train.StepEvent;
import org.loft4j.train.TrainListener;

/** The whole demo on a tiny encoder and made-up sentences, with a cache that has both already. */
class DemoEndToEndTest {
    private static final BertShape TINY = new BertShape(16, 1, 2, 32, 20, 16, 2);
    private static final List<String> WORDS =
            List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "he", "she", "it", "goes", "go", "home", "now");

    @TempDir
    Path dir;

    @Test
    void learnsAndLeavesEverythingBehind() throws Exception {
        Path cache = dir.resolve("cache");
        model(Files.createDirectories(cache.resolve("models/all-minilm-l6-v2-2")));
        LanguageToolPairs.write(Files.createDirectories(cache.resolve("data/languagetool-en-6.6-pairs-1")), pairs());
        Path output = dir.resolve("out put");
        StringWriter text = new StringWriter();
        DemoSettings settings = new DemoSettings(
                DemoModel.MINILM,
                List.of(Method.LOFT, Method.LORA, Method.FULL),
                2,
                1e-2,
                1,
                true,
                1,
                "cpu",
                cache,
                output);

        List<DemoRun> runs = new Demo(settings, new PrintWriter(text), () -> new TrainListener() {}).run();

        assertEquals(3, runs.size());
        for (DemoRun run : runs) {
            assertEquals(60, run.trainLoss().x().size());
            assertEquals(3, run.accuracy().x().size());
            assertEquals(40, run.test().count());
            assertTrue(run.test().scores().get("accuracy") > 0.9, run.method() + " " + run.test());
            assertTrue(run.seconds() > 0 && run.peakBytes() > 0);
        }
        assertEquals(runs.get(0).trained(), runs.get(1).trained());
        assertEquals(
                runs.get(0).trainLoss().y().get(0), runs.get(1).trainLoss().y().get(0), "same weights, same batch");

        assertTrue(Files.exists(output.resolve("loft/adapter_model.safetensors")));
        assertTrue(Files.exists(output.resolve("lora/adapter_config.json")));
        assertTrue(Files.exists(output.resolve("full/model.safetensors")));
        assertTrue(Files.size(output.resolve("curves.png")) > 1000);
        String accuracy =
                String.format(Locale.ROOT, "%.4f", runs.get(0).test().scores().get("accuracy"));
        assertTrue(Files.readString(output.resolve("report.html")).contains("<td>" + accuracy + "</td>"));
        String said = text.toString();
        assertTrue(said.contains(DemoTable.text(runs)), said);
        assertTrue(said.contains("loft predict --adapter "), said);
        assertTrue(said.contains("--adapter \"" + output.resolve("loft")), said);
    }

    /** What is told of the others stays, and nothing is offered that is not there. */
    @Test
    void aRunThatWasGivenUpSaysSo() throws Exception {
        Path cache = dir.resolve("cache");
        model(Files.createDirectories(cache.resolve("models/all-minilm-l6-v2-2")));
        LanguageToolPairs.write(Files.createDirectories(cache.resolve("data/languagetool-en-6.6-pairs-1")), pairs());
        Path output = dir.resolve("out");
        DemoSettings settings =
                new DemoSettings(DemoModel.MINILM, List.of(Method.LORA), 2, 1e30, 2, false, 1, "cpu", cache, output);
        StringWriter text = new StringWriter();
        List<DemoRun> runs = new Demo(settings, new PrintWriter(text), () -> new TrainListener() {}).run();
        assertEquals(1, runs.size());
        String failure = String.valueOf(runs.get(0).failure());
        assertTrue(failure.matches("no step since step [0-9] had a finite loss and finite gradients"), failure);
        assertTrue(runs.get(0).skipped() >= 100, runs.toString());
        String said = text.toString();
        assertTrue(said.contains("LoRA was given up, and is judged as it stood then: " + failure + ". "), said);
        assertFalse(said.contains("Adapter ") || said.contains("Next:"), said);
        assertFalse(Files.exists(output.resolve("lora/adapter_model.safetensors")));
        assertTrue(Files.readString(output.resolve("report.html")).contains("LoRA was given up"));
    }

    @Test
    void aStopEndsTheRunInProgressAndStartsNoOther() throws Exception {
        Path cache = dir.resolve("cache");
        model(Files.createDirectories(cache.resolve("models/all-minilm-l6-v2-2")));
        LanguageToolPairs.write(Files.createDirectories(cache.resolve("data/languagetool-en-6.6-pairs-1")), pairs());
        Path output = dir.resolve("out");
        DemoSettings settings = new DemoSettings(
                DemoModel.MINILM, List.of(Method.LORA, Method.LOFT), 2, 1e-2, 1, true, 1, "cpu", cache, output);
        StringWriter text = new StringWriter();
        AtomicReference<Demo> demo = new AtomicReference<>();
        demo.set(new Demo(settings, new PrintWriter(text), () -> new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                if (event.step() == 2) {
                    demo.get().requestStop();
                }
            }
        }));
        assertEquals(List.of(), demo.get().run());
        assertTrue(demo.get().isStopped());
        assertTrue(text.toString().contains("Stopped."), text.toString());
        assertTrue(Files.isDirectory(output.resolve("lora/checkpoint-2")));
        assertFalse(Files.exists(output.resolve("loft")));
    }

    /** "he goes home" against "he go home": one word tells. */
    private static List<SentencePair> pairs() {
        List<SentencePair> pairs = new ArrayList<>();
        for (int i = 0; i < 1040; i++) {
            String who = WORDS.get(5 + i % 3);
            String when = i % 2 == 0 ? " home" : " now";
            Split split = i < 1000 ? Split.TRAIN : i < 1020 ? Split.VALID : Split.TEST;
            pairs.add(new SentencePair(split, who + " go" + when, who + " goes" + when));
        }
        return pairs;
    }

    private static void model(Path directory) throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(7);
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            TINY.tensors().forEach((name, shape) -> {
                boolean norm = name.endsWith("LayerNorm.weight");
                Tensor values = torch.randn(shape, Tensors.options(Dtype.F32, DeviceSpec.CPU));
                tensors.put(
                        name,
                        norm
                                ? values.fill_(new org.bytedeco.pytorch.Scalar(1.0))
                                : values.mul(new org.bytedeco.pytorch.Scalar(0.2)));
            });
            SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors, Map.of());
        }
        Json.write(directory.resolve("config.json"), TINY.config(Pooling.MEAN));
        Map<String, Object> vocabulary = new LinkedHashMap<>();
        for (String word : WORDS) {
            vocabulary.put(word, vocabulary.size());
        }
        Json.write(
                directory.resolve("tokenizer.json"),
                Map.of(
                        "version", "1.0",
                        "added_tokens", List.of(special(0), special(1), special(2), special(3), special(4)),
                        "normalizer",
                                Map.of(
                                        "type",
                                        "BertNormalizer",
                                        "clean_text",
                                        true,
                                        "handle_chinese_chars",
                                        true,
                                        "lowercase",
                                        true),
                        "pre_tokenizer", Map.of("type", "BertPreTokenizer"),
                        "post_processor",
                                Map.of(
                                        "type",
                                        "BertProcessing",
                                        "sep",
                                        List.of("[SEP]", 3),
                                        "cls",
                                        List.of("[CLS]", 2)),
                        "decoder", Map.of("type", "WordPiece", "prefix", "##", "cleanup", true),
                        "model",
                                Map.of(
                                        "type", "WordPiece",
                                        "unk_token", "[UNK]",
                                        "continuing_subword_prefix", "##",
                                        "max_input_chars_per_word", 100,
                                        "vocab", vocabulary)));
    }

    private static Map<String, Object> special(int id) {
        return Map.of(
                "id",
                id,
                "content",
                WORDS.get(id),
                "single_word",
                false,
                "lstrip",
                false,
                "rstrip",
                false,
                "normalized",
                false,
                "special",
                true);
    }
}
