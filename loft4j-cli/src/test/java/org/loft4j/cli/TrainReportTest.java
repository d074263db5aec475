package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.LossOn;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.TrainingSet;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.Divergence;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainResult;

class TrainReportTest {
    @TempDir
    Path folder;

    @Test
    void howToGoOnCanBePastedWhereThePathHasBlanks() {
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        TrainReport report = new TrainReport(Path.of("int b"), config);
        String late = report.late(3, false, Path.of("int b", "checkpoint-1"));
        assertTrue(late.contains(" train --config \"" + Path.of("int b", "config.yaml") + "\" --resume"), late);
    }

    @Test
    void noStepIsLateBeforeTheFirst() {
        TrainReport report =
                new TrainReport(Path.of("r"), TrainConfig.builder(Method.LORA).build());
        assertEquals(
                "loft: the look at the preferences before the first step was not left within 3 s (--stop-deadline): ending"
                        + " now; there was nothing to save, and the same call begins anew",
                report.late(3, true, null));
        assertTrue(report.late(3, false, null)
                .startsWith("loft: the step was not finished and saved within 3 s (--stop-deadline): "));
    }

    @Test
    void toGoOnRegardlessIsOfNoUseWhereStepsWereSkipped() {
        TrainReport report =
                new TrainReport(Path.of("r"), TrainConfig.builder(Method.LORA).build());
        assertTrue(report.end(diverged(7.5), null, rows(false, null)).contains("--divergence-factor 0"));
        String skipped = report.end(diverged(Double.NaN), null, rows(false, null));
        assertTrue(skipped.contains("--resume --learning-rate"), skipped);
        assertFalse(skipped.contains("--divergence-factor"), skipped);
    }

    @Test
    void classesThatAreToldByChanceAreNoResultToBeSilentOf() throws IOException {
        TrainReport report =
                new TrainReport(Path.of("r"), TrainConfig.builder(Method.LORA).build());
        try (Model model = Models.open(Fixtures.of("bert_cls"), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            TrainingSet train = rows(false, null).train();
            for (double matthews : new double[] {0, 0.2}) {
                for (int other : new int[] {0, 1}) {
                    Dataset held =
                            Dataset.classificationIds(List.of(new int[] {1}, new int[] {1}), new int[] {0, other});
                    for (TrainResult.Outcome outcome :
                            List.of(TrainResult.Outcome.FINISHED, TrainResult.Outcome.INTERRUPTED)) {
                        Map<String, Double> scores = Map.of("matthews", matthews);
                        TrainResult done = new TrainResult(
                                outcome, 2, 2, 0, 1, 2, scores, Map.of(), 1, 1, Path.of("r"), null, null);
                        String told = report.end(done, model, new TrainData(train, held, 0, 8));
                        assertEquals(
                                matthews == 0 && other == 1 && outcome == TrainResult.Outcome.FINISHED,
                                told.contains("matthews 0: the classes are told no better than by chance"),
                                told);
                    }
                }
            }
        }
    }

    @Test
    void whatToCallNextAsksAsWasLearnt() throws IOException {
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        TrainReport report = new TrainReport(Path.of("r"), config);
        Map<String, Double> none = Map.of();
        TrainResult done = new TrainResult(
                TrainResult.Outcome.FINISHED, 1, 1, 0, 0, 0, none, none, 1, 1, Path.of("r"), null, null);
        try (Model model = Models.open(Fixtures.of("bert_cls"), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            assertTrue(report.end(done, model, rows(true, null))
                    .endsWith(" predict --adapter r --text \"…\" --text-pair \"…\"\n"));
            assertTrue(report.end(done, model, rows(false, null)).endsWith(" predict --adapter r --text \"…\"\n"));
        }
        ChatTemplate template =
                ChatTemplate.read(Files.writeString(folder.resolve("chat.jinja"), "{{ messages[0].content }}"), folder);
        try (Model model = Models.open(Fixtures.of("stories260K"), ModelOptions.of(Task.CAUSAL_LM))) {
            assertTrue(report.end(done, model, rows(false, new ChatFormat(template)))
                    .endsWith(" generate --adapter r --chat --text \"…\"\n"));
            ChatFormat wrapped = new ChatFormat(template, LossOn.ASSISTANT, true, Map.of());
            for (ChatFormat format : Arrays.asList(null, wrapped)) {
                assertTrue(
                        report.end(done, model, rows(false, format)).endsWith(" generate --adapter r --text \"…\"\n"));
            }
        }
    }

    private static TrainData rows(boolean pairs, @Nullable ChatFormat format) {
        TrainingSet train = new Examples() {
            @Override
            public int size() {
                return 1;
            }

            @Override
            public int[] lengths() {
                return new int[] {1};
            }

            @Override
            public String fingerprint() {
                return "";
            }

            @Override
            public boolean hasPairs() {
                return pairs;
            }

            @Override
            public @Nullable ChatFormat chatFormat() {
                return format;
            }

            @Override
            public MiniBatch batch(int[] indices, long padId) {
                throw new UnsupportedOperationException();
            }

            @Override
            public MiniBatch trainingBatch(int[] indices, long padId, long seed, long epoch) {
                throw new UnsupportedOperationException();
            }
        };
        return new TrainData(train, null, 0, 8);
    }

    private static TrainResult diverged(double loss) {
        Divergence divergence = new Divergence(11, loss, 1.5, 9, null);
        Map<String, Double> none = Map.of();
        return new TrainResult(
                TrainResult.Outcome.DIVERGED, 110, 200, 0, 0, 0, none, none, 1, 1, Path.of("r"), null, divergence);
    }
}
