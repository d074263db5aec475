package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.data.Dataset;
import org.loft4j.nn.Model;

class RunCheckTest {
    private static String problems(TrainData data, TrainConfig config) {
        try (Model model = TinyRun.model()) {
            return assertThrows(ConfigException.class, () -> RunCheck.check(model, data, config))
                    .getMessage();
        }
    }

    @Test
    void whatFitsPasses() {
        try (Model model = TinyRun.model()) {
            RunCheck.check(model, TinyRun.data(), TinyRun.config(Method.LOFT).build());
        }
    }

    @Test
    void allMisfitsAreToldBeforeTheFirstStep() {
        Dataset train = Dataset.causalLmIds(List.of(new int[] {1, 2, 3}, new int[] {4, TinyRun.VOCABULARY}));
        Dataset eval = Dataset.causalLmIds(List.of(new int[33]));
        TrainConfig config =
                TinyRun.config(Method.LOFT).metricForBest("accuracy").build();
        assertEquals(
                List.of(
                        "metric_for_best_model must be one of loss, perplexity, token_accuracy for this task, got accuracy",
                        "the training data has token id 24, but the model knows only 24 tokens:"
                                + " the tokenizer is that of another model, or tokens were added to it",
                        "the evaluation data has a row of 33 tokens, but the model was made for 32: lower max_length"),
                problems(new TrainData(train, eval, 0, 16), config).lines().toList());
    }

    @Test
    void aWarmUpThatTheRunDoesNotReachTheEndOfIsRefused() {
        TrainConfig config =
                TinyRun.config(Method.LOFT).maxSteps(3).warmupSteps(4).build();
        assertEquals("warmup_steps must not pass the 3 steps of the run, got 4", problems(TinyRun.data(), config));
    }

    @Test
    void aRunThatEndsInRefLorasWarmUpIsSaidToBeLora() {
        try (Model model = TinyRun.model();
                Logged logged = new Logged(RunCheck.class)) {
            TrainConfig.Builder config = TinyRun.config(Method.REFLORA);
            RunCheck.check(model, TinyRun.data(), config.maxSteps(101).build());
            RunCheck.check(model, TinyRun.data(), TinyRun.config(Method.LORA).build());
            assertEquals(List.of(), logged.texts());
            RunCheck.check(model, TinyRun.data(), config.maxSteps(100).build());
            assertEquals(
                    List.of(
                            "reflora_warmup is 100, and the run has 100 steps: it is LoRA throughout; a lower reflora_warmup"
                                    + " or more steps make it RefLoRA"),
                    logged.texts());
        }
    }

    @Test
    void dataOfAnotherTaskIsRefused() {
        Dataset classes = Dataset.classificationIds(List.of(new int[] {1, 2}), new int[] {1});
        assertEquals(
                "the training data is for a classifier, but the model is a language model",
                problems(
                        new TrainData(classes, null, 0, 16),
                        TinyRun.config(Method.LOFT).build()));
    }

    @Test
    void textsThatLeaveNothingToPredictAreRefused() {
        Dataset none = Dataset.causalLmIds(List.of(new int[] {1}, new int[] {2}));
        Dataset one = Dataset.causalLmIds(List.of(new int[] {1}, new int[] {2, 3}));
        String told = " data has rows of one token alone, after which there is nothing to predict: give longer texts";
        TrainConfig config = TinyRun.config(Method.LOFT).build();
        assertEquals(
                List.of("the training" + told, "the evaluation" + told),
                problems(new TrainData(none, none, 0, 16), config).lines().toList());
        try (Model model = TinyRun.model()) {
            RunCheck.check(model, new TrainData(one, one, 0, 16), config);
            assertEquals(
                    "the test" + told,
                    assertThrows(ConfigException.class, () -> Evaluator.requireFits(model, none, "test"))
                            .getMessage());
        }
    }
}
