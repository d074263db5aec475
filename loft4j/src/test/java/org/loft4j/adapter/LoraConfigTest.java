package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;

class LoraConfigTest {
    private static final TargetModules ALL = TargetModules.allLinear();

    @Test
    void theScaleIsAlphaOverTheRankOrItsRoot() {
        assertEquals(2, LoraConfig.of(4, 8, ALL).scaleOf("q_proj"));
        assertEquals(4, new LoraConfig(4, 8, 0, ALL, (String) null, true, List.of()).scaleOf("q_proj"));
    }

    @Test
    void patternsGiveLayersTheirOwnRankAndAlphaAndTheFirstThatFitsWins() {
        Map<String, Integer> ranks = new LinkedHashMap<>();
        ranks.put("layers\\.0\\..*", 2);
        ranks.put("q_proj", 16);
        LoraConfig config = new LoraConfig(
                8, 8, 0, ALL, null, false, false, List.of(), ranks, Map.of("model.layers.1.q_proj", 32.0));
        assertEquals(2, config.rankOf("model.layers.0.q_proj"));
        assertEquals(16, config.rankOf("model.layers.1.q_proj"));
        assertEquals(8, config.rankOf("model.layers.1.my_q_proj"));
        assertEquals(32, config.alphaOf("model.layers.1.q_proj"));
        assertEquals(2, config.scaleOf("model.layers.1.q_proj"));
        assertEquals(4, config.scaleOf("model.layers.0.q_proj"));
    }

    /** Keys of the names under which an adapter was trained, on a language model in another: of today, of before, and of it alone. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "model.language_model.layers.0.self_attn.q_proj",
                "language_model.model.layers.0.self_attn.q_proj",
                "model.layers.0.self_attn.q_proj",
                "model\\.layers\\.0\\.self_attn\\.q_proj",
                "^language_model\\.model\\.layers\\.0\\..*",
                "layers.0.self_attn.q_proj"
            })
    void aPatternMeansALayerByAnyOfItsNames(String key) {
        LoraConfig config =
                new LoraConfig(8, 8, 0, ALL, null, false, false, List.of(), Map.of(key, 2), Map.of(key, 32.0));
        for (String path :
                List.of("model.language_model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.q_proj")) {
            assertEquals(2, config.rankOf(path), path);
            assertEquals(16, config.scaleOf(path), path);
            assertEquals(8, config.rankOf(path.replace("0", "1")), path);
        }
    }

    @Test
    void modulesToSaveAreComponentsOfAPath() {
        LoraConfig config = LoraConfig.of(8, 8, ALL).withModulesToSave(List.of("classifier", "bert.pooler"));
        assertTrue(config.saves("classifier"));
        assertTrue(config.saves("classifier.weight"));
        assertTrue(config.saves("model.classifier.out.bias"));
        assertTrue(config.saves("bert.pooler.dense"));
        assertTrue(!config.saves("my_classifier") && !config.saves("bert.my_pooler.dense"));
    }

    @Test
    void impossibleValuesAreNamed() {
        assertTrue(refusal(() -> LoraConfig.of(0, 8, ALL)).startsWith("rank must be at least 1, got 0"));
        assertTrue(refusal(() -> LoraConfig.of(1, 0, ALL)).contains("lora.alpha"));
        assertTrue(refusal(() -> new LoraConfig(1, 1, 1, ALL, (String) null, false, List.of()))
                .contains("lora.dropout must lie in [0, 1), got 1.0"));
        assertTrue(refusal(() -> new LoraConfig(1, 1, 0, ALL, "(", false, List.of()))
                .contains("regular expression"));
        assertTrue(refusal(() -> new LoraConfig(1, 1, 0, ALL, ALL, false, false, List.of(), Map.of(), Map.of()))
                .contains("exclude_modules"));
        assertTrue(refusal(() -> new LoraConfig(1, 1, 0, ALL, null, false, false, List.of(), Map.of("q", 0), Map.of()))
                .contains("rank_pattern.q"));
    }

    private static String refusal(org.junit.jupiter.api.function.Executable call) {
        return assertThrows(ConfigException.class, call).getMessage();
    }
}
