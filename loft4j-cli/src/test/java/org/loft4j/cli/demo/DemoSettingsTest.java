package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Row;
import org.loft4j.optim.Schedule;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Method;
import org.loft4j.train.StepEvent;
import org.loft4j.train.TrainConfig;

class DemoSettingsTest {
    @Test
    void aWholeRunIsOneEpochWithTheMethodsOwnLearningRate() {
        TrainConfig config = settings(false, null).training(Method.LORA, 13440);
        assertEquals(420, config.maxSteps());
        assertEquals(32, config.batchSize());
        assertEquals(70, config.evalSteps());
        assertEquals(Method.LORA.learningRate(), config.learningRate());
        assertEquals(1e-3, config.headLearningRate());
        assertEquals(Schedule.Kind.LINEAR, config.schedule());
        assertEquals(0.06, config.warmupRatio());
        assertEquals(0, config.weightDecay());
        assertEquals(1, config.maxGradNorm());
        assertEquals(5, config.seed());
        assertEquals(8, settings(false, null).adapter(Method.LORA).alpha());
        assertEquals(0.25, settings(false, 0.25).training(Method.LOFT, 10).learningRate());
    }

    /** As in a training and a comparison: the scale of rsLoRA falls with the root of the rank. */
    @Test
    void rsLoraHasItsOwnAlphaAtEveryRank() {
        DemoSettings settings = settings(16, Method.LOFT, Method.RSLORA, Method.FULL);
        assertEquals(8.0 / 4, settings.adapter(Method.RSLORA).scaleOf("layer"));
        assertEquals(2, settings.adapter(Method.LOFT).scaleOf("layer"));
        assertEquals("LoFT 32.0, rsLoRA 8.0", settings.alpha());
        assertEquals("32.0", settings(16, Method.LOFT, Method.LORA).alpha());
    }

    @Test
    void quickTakesFewStepsAndLooksAtFewPairs() {
        assertEquals(60, settings(true, null).steps(13440));
        assertEquals(2, settings(true, null).steps(33));
        assertEquals(150, settings(true, null).evalPairs(756));
        assertEquals(756, settings(false, null).evalPairs(756));
    }

    @Test
    void theChosenPairsAreWholeAndSpread() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 450; i++) {
            rows.add(new LabeledText("e" + i, "error"));
            rows.add(new LabeledText("c" + i, "correct"));
        }
        List<Row> some = DemoData.some(rows, settings(true, null));
        assertEquals(300, some.size());
        for (int i = 0; i < 150; i++) {
            assertEquals("e" + 3 * i, ((LabeledText) some.get(2 * i)).text());
            assertEquals("c" + 3 * i, ((LabeledText) some.get(2 * i + 1)).text());
        }
        assertEquals(rows, DemoData.some(rows, settings(false, null)));
    }

    @Test
    void reportsAllThatIsWrongAtOnce() {
        List<Method> twice = List.of(Method.LOFT, Method.LOFT);
        Path here = Path.of("x");
        ConfigException e = assertThrows(
                ConfigException.class,
                () -> new DemoSettings(DemoModel.MINILM, twice, 0, -1.0, 0, false, 0, "cpu", here, here));
        assertEquals(4, e.getMessage().lines().count(), e.getMessage());
        assertTrue(e.getMessage().contains("rank must be at least 1, got 0"), e.getMessage());
    }

    @Test
    void theSecondsOfARunAreThoseOfItsSteps() {
        long[] now = {0};
        DemoListener listener = new DemoListener(() -> now[0]);
        now[0] = 2_000_000_000L;
        listener.onStep(step(1, 0.7));
        now[0] = 10_000_000_000L;
        listener.onEvaluation(1, new Evaluation(0.6, java.util.Map.of("accuracy", 0.75), 8, 8), true);
        now[0] = 13_000_000_000L;
        listener.onStep(step(2, 0.5));
        now[0] = 20_000_000_000L;
        listener.onSave(2, Path.of("x"));
        assertEquals(5, listener.seconds());
        assertEquals(List.of(0.7, 0.5), listener.loss().y());
        assertEquals(List.of(0.75), listener.accuracy().y());
        assertEquals(List.of(1.0), listener.accuracy().x());
    }

    @Test
    void theNextCommandsCanBePasted() {
        DemoAssets assets = new DemoAssets(Path.of("cache", "model"), Path.of("my cache", "data"));
        List<String> commands = NextCommands.of(assets, settings(false, null), Method.LOFT);
        assertEquals(3, commands.size());
        assertTrue(
                commands.get(0)
                        .matches("(\\./)?loft predict --adapter out.loft --text \"He should of called me yesterday.\""),
                commands.get(0));
        assertTrue(commands.get(1).contains("--data \"my cache"), commands.get(1));
    }

    private static StepEvent step(long step, double loss) {
        return new StepEvent(step, 2, 0, loss, 1e-3, 1, false, 1, false, 1, 1, 1, Map.of());
    }

    private static DemoSettings settings(boolean quick, @Nullable Double learningRate) {
        return settings(quick, learningRate, 4, Method.LOFT, Method.LORA);
    }

    private static DemoSettings settings(int rank, Method... methods) {
        return settings(false, null, rank, methods);
    }

    private static DemoSettings settings(boolean quick, @Nullable Double learningRate, int rank, Method... methods) {
        return new DemoSettings(
                DemoModel.MINILM,
                List.of(methods),
                rank,
                learningRate,
                1,
                quick,
                5,
                "cpu",
                Path.of("cache"),
                Path.of("out"));
    }
}
