package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.TokenDraw;
import org.loft4j.optim.LoftBlock;
import org.loft4j.optim.LoraPlus;
import org.loft4j.optim.RefLora;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.Dtype;

class TrainConfigTest {
    @ParameterizedTest
    @EnumSource(Method.class)
    void theDefaultsOfEveryMethodAreValid(Method method) {
        TrainConfig config = TrainConfig.builder(method).build();
        assertEquals(method.learningRate(), config.learningRate());
        assertEquals(method, Method.parse(method.word()));
    }

    @Test
    void theRateIsThatOfTheModelsWidth() {
        try (Model model = TinyRun.model()) {
            assertEquals(16, model.description().hiddenSize());
            assertEquals(7.2e-3, TrainConfig.builder(Method.LOFT, model).build().learningRate());
            assertEquals(1e-3, TrainConfig.builder(Method.LORA, model).build().learningRate());
        }
    }

    @Test
    void allProblemsAreToldAtOnceInHuggingFacesNames() {
        TrainConfig.Builder builder = TrainConfig.builder(Method.LOFT)
                .epochs(0)
                .learningRate(Double.NaN)
                .warmupRatio(1)
                .loss(loss -> loss.withLabelSmoothing(1))
                .loss(loss -> loss.withPreferences(PreferenceLoss.DPO.withBeta(-1)))
                .loss(loss -> loss.withMatches(new MatchLoss(0, List.of(0))))
                .loft(loft -> loft.withMaxStep(-1))
                .betas(0.9, 1)
                .metricForBest("Macro F1");
        String message = assertThrows(ConfigException.class, builder::build).getMessage();
        assertEquals(
                List.of(
                        "label_smoothing_factor must lie in [0, 1), got 1.0",
                        "beta must be greater than 0 and finite, got -1.0",
                        "similarity_scale must be greater than 0 and finite, got 0.0",
                        "matryoshka_dims must be at least 1, got 0",
                        "num_train_epochs must be greater than 0 and finite, got 0.0",
                        "learning_rate must be greater than 0 and finite, got NaN",
                        "warmup_ratio must lie in [0, 1), got 1.0",
                        "adam_beta2 must lie in [0, 1), got 1.0",
                        "loft_max_step must be at least 0 and finite, got -1.0",
                        "metric_for_best_model must be the name of a score, such as loss, accuracy, macro_f1, micro_f1, matthews, perplexity, token_accuracy, precision, recall, f1, roc_auc, micro_roc_auc, macro_roc_auc, pearson, spearmanr, mse, margin, mrr, reward, accuracy_at_1, recall_at_10, mrr_at_10, got Macro F1"),
                message.lines().toList());
    }

    @Test
    void aCourseThatIsNamedForItsMinimumNeedsOne() {
        TrainConfig.Builder builder = TrainConfig.builder(Method.LOFT).schedule(Schedule.Kind.COSINE_WITH_MIN_LR);
        assertEquals(
                "lr_scheduler_type cosine_with_min_lr needs a min_lr_ratio above 0: set it, or take cosine",
                assertThrows(ConfigException.class, builder::build).getMessage());
        assertEquals(0.1, builder.minLrRatio(0.1).build().toMap().get("min_lr_ratio"));
        assertEquals(
                "min_lr_ratio must lie in [0, 1), got 1.0",
                assertThrows(ConfigException.class, () -> builder.minLrRatio(1).build())
                        .getMessage());
        TrainConfig.Builder constant = TrainConfig.builder(Method.LOFT)
                .schedule(Schedule.Kind.CONSTANT)
                .minLrRatio(0.1);
        assertEquals(
                "min_lr_ratio is of courses that fall, and lr_scheduler_type is constant: leave it out",
                assertThrows(ConfigException.class, constant::build).getMessage());
    }

    @Test
    void anUnknownMethodNamesTheKnownOnes() {
        String message =
                assertThrows(ConfigException.class, () -> Method.parse("magic")).getMessage();
        assertTrue(message.startsWith("method must be one of loft, loft-tangent, loft-simple, "), message);
        assertTrue(message.endsWith(", full, got magic"), message);
        for (Method method : Method.values()) {
            assertTrue(message.contains(method.word()), message);
            assertEquals(method, Method.parse(method.word()));
        }
    }

    @Test
    void theRecordNamesEverySetting() {
        PreferenceLoss simpo = PreferenceLoss.of(PreferenceLoss.Kind.SIMPO);
        assertEquals(
                TrainConfig.class.getRecordComponents().length
                        - 3
                        + LossSettings.class.getRecordComponents().length
                        - 3
                        + PreferenceLoss.class.getRecordComponents().length
                        // of KTO alone
                        - 2
                        + MatchLoss.class.getRecordComponents().length
                        + GrpoLoss.class.getRecordComponents().length
                        - 1
                        + TokenDraw.class.getRecordComponents().length
                        + LoftSettings.class.getRecordComponents().length
                        + PeerSettings.class.getRecordComponents().length,
                TrainConfig.builder(Method.LORA)
                        .loss(loss -> loss.withPreferences(simpo))
                        .build()
                        .toMap()
                        .size());
    }

    @Test
    void loftIsTakenApartOnlyWhereThereIsLoft() {
        LoftSettings settings =
                new LoftSettings(Set.of(LoftBlock.SECOND_MOMENT, LoftBlock.ALTERNATION), 0, false, null, Dtype.F32);
        TrainConfig config = TrainConfig.builder(Method.LOFT).loft(settings).build();
        assertEquals("alternation, second-moment", config.toMap().get("loft_without"));
        assertEquals(
                "loft_without takes LoFT apart, and the method is lora: leave it out", refused(Method.LORA, settings));
        assertEquals(
                "loft_without: loft-simple has no second-moment to leave out, only alternation, gradient-scaling,"
                        + " first-moment, clipping",
                refused(Method.LOFT_SIMPLE, settings));
        LoftSettings reference = new LoftSettings(Set.of(), 0, true, null, Dtype.F32);
        assertEquals(
                1e-4, TrainConfig.builder(Method.LOFT).loft(reference).build().eps());
        assertEquals("loft_reference must go with method loft, got full", refused(Method.FULL, reference));
    }

    @Test
    void settingsOfRivalsAreOfThemAloneAndWithinBounds() {
        assertEquals(16.0, TrainConfig.builder(Method.LORA).build().toMap().get("lora_plus_ratio"));
        assertEquals(100, TrainConfig.builder(Method.LORA).build().toMap().get("reflora_warmup"));
        TrainConfig.Builder plus = TrainConfig.builder(Method.LORA_PLUS).peers(peers -> peers.withLoraPlusRatio(4));
        assertEquals(4.0, plus.build().toMap().get("lora_plus_ratio"));
        assertEquals(
                1,
                TrainConfig.builder(Method.REFLORA)
                        .peers(peers -> peers.withRefLoraWarmup(1))
                        .build()
                        .toMap()
                        .get("reflora_warmup"));
        for (double wrong : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertEquals(
                    "lora_plus_ratio must be greater than 0 and finite, got " + wrong,
                    refused(Method.LORA_PLUS, new PeerSettings(wrong, 100)));
        }
        assertEquals(
                "reflora_warmup must be at least 1, for B is zero at the start and would stay so, got 0",
                refused(Method.REFLORA, new PeerSettings(16, 0)));
        assertEquals(
                "lora_plus_ratio is of lora-plus, and the method is lora: leave it out\n"
                        + "reflora_warmup is of reflora, and the method is lora: leave it out",
                refused(Method.LORA, new PeerSettings(8, 10)));
    }

    @Test
    void ofSettingsInCommonEachMethodTakesWhatItHas() {
        LoftSettings asked =
                new LoftSettings(Set.of(LoftBlock.SECOND_MOMENT, LoftBlock.CLIPPING), 0.5, true, true, Dtype.BF16);
        List<Method> all = List.of(Method.LOFT, Method.LOFT_SIMPLE, Method.LORA);
        assertEquals(asked, asked.among(Method.LOFT, all));
        assertEquals(
                new LoftSettings(Set.of(LoftBlock.CLIPPING), 0.5, false, true, Dtype.F32),
                asked.among(Method.LOFT_SIMPLE, all));
        assertEquals(LoftSettings.defaults(), asked.among(Method.LORA, all));
        // of a run of another call: what it has not is not asked of it
        assertEquals(LoftSettings.defaults(), asked.among(Method.DORA, all));
        assertEquals(asked, asked.among(Method.LORA, List.of(Method.LORA, Method.FULL)), "none has it");
        PeerSettings peers = new PeerSettings(8, 10);
        List<Method> one = List.of(Method.LORA, Method.LORA_PLUS);
        assertEquals(new PeerSettings(8, 10), peers.among(Method.LORA_PLUS, one), "the warm-up is nobody's");
        assertEquals(
                new PeerSettings(8, RefLora.WARMUP_STEPS),
                peers.among(Method.LORA_PLUS, List.of(Method.LORA_PLUS, Method.REFLORA)));
        assertEquals(new PeerSettings(LoraPlus.RATIO, 10), peers.among(Method.LORA, one));
    }

    private static String refused(Method method, PeerSettings settings) {
        TrainConfig.Builder builder = TrainConfig.builder(method).peers(peers -> settings);
        return String.valueOf(
                assertThrows(ConfigException.class, builder::build).getMessage());
    }

    private static String refused(Method method, LoftSettings settings) {
        TrainConfig.Builder builder = TrainConfig.builder(method).loft(settings);
        return String.valueOf(
                assertThrows(ConfigException.class, builder::build).getMessage());
    }

    /** As Transformers counts them: a part of a step is a step. */
    @Test
    void aRunMayEndWithAPartOfAPass() {
        // 50 rows in 13 batches, 4 steps a pass
        assertEquals(10, steps(2.5));
        assertEquals(2, steps(0.3));
        assertEquals(1, steps(1e-9));
        assertEquals(12, steps(3));
        assertEquals(3L, TinyRun.config(Method.LOFT).epochs(3).build().toMap().get("num_train_epochs"));
        assertEquals(
                0.5, TinyRun.config(Method.LOFT).epochs(0.5).build().toMap().get("num_train_epochs"));
    }

    private static long steps(double epochs) {
        TrainConfig config = TinyRun.config(Method.LOFT).epochs(epochs).build();
        return RunLength.of(config, TinyRun.counting(50, 1)).totalSteps();
    }

    @Test
    void aWarmUpIsGivenInStepsOrAsAShare() {
        assertEquals(0.06, TrainConfig.builder(Method.LORA).build().warmupRatio());
        assertEquals(0, TrainConfig.builder(Method.LORA).warmupSteps(10).build().warmupRatio());
        TrainConfig.Builder both =
                TrainConfig.builder(Method.LORA).warmupSteps(10).warmupRatio(0.1);
        assertEquals(
                "warmup_steps and warmup_ratio exclude each other, got 10 and 0.1",
                assertThrows(ConfigException.class, both::build).getMessage());
    }
}
