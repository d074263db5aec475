package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;

class TargetModulesTest {
    @Test
    void aNameMeansThePathItselfOrItsLastComponents() {
        TargetModules names = TargetModules.names("q_proj", "mlp.dense", "head");
        assertTrue(names.matches("model.layers.0.self_attn.q_proj"));
        assertTrue(names.matches("model.layers.0.mlp.dense"));
        assertTrue(names.matches("head"));
        assertFalse(names.matches("model.layers.0.attn.dense"));
        assertFalse(names.matches("model.layers.0.my_q_proj"));
        assertFalse(names.matches("model.q_proj.inner"));
    }

    @Test
    void aRegularExpressionMustMatchInFull() {
        TargetModules regex = TargetModules.regex("model\\.layers\\.[01]\\..*_proj");
        assertTrue(regex.matches("model.layers.1.self_attn.q_proj"));
        assertFalse(regex.matches("model.layers.12.self_attn.q_proj"));
        assertFalse(regex.matches("model.layers.1.self_attn.q_proj.inner"));
        assertThrows(ConfigException.class, () -> TargetModules.regex("(unclosed"));
    }

    @Test
    void layersToTransformChoosesBlocksByNumber() {
        TargetModules any = new TargetModules.Names(List.of("q_proj"), List.of(1, 12), List.of());
        assertTrue(any.matches("model.layers.1.q_proj"));
        assertTrue(any.matches("model.layers.12.self_attn.q_proj"));
        assertFalse(any.matches("model.layers.2.q_proj"));
        assertFalse(any.matches("model.q_proj"));
        TargetModules named = new TargetModules.Names(List.of("q_proj"), List.of(1), List.of("blocks", "layers"));
        assertTrue(named.matches("model.layers.1.q_proj"));
        assertFalse(named.matches("model.experts.1.q_proj"));
        assertThrows(ConfigException.class, () -> new TargetModules.Names(List.of("q"), List.of(), List.of("layers")));
    }

    /** Groups of the pattern are not taken for that of the number. */
    @ParameterizedTest
    @ValueSource(strings = {"(layers)", "(blocks)|layers", "(?<list>layers|blocks)", "(l)ayers|(\\d)"})
    void aPatternOfLayersMayHaveGroups(String pattern) {
        TargetModules named = new TargetModules.Names(List.of("q_proj"), List.of(1), List.of(pattern));
        assertTrue(named.matches("model.layers.1.q_proj"));
        assertFalse(named.matches("model.layers.2.q_proj"));
        assertFalse(named.matches("model.experts.1.q_proj"));
    }

    @Test
    void theCommandLinesWordsAreTold() {
        assertEquals(TargetModules.allLinear(), TargetModules.parse("all-linear"));
        assertEquals(TargetModules.names("q_proj", "v_proj"), TargetModules.parse(" q_proj, v_proj "));
        assertEquals(TargetModules.names("self_attn.q_proj"), TargetModules.parse("self_attn.q_proj"));
        assertEquals(TargetModules.regex(".*\\.(q|v)_proj"), TargetModules.parse(".*\\.(q|v)_proj"));
        assertThrows(ConfigException.class, () -> TargetModules.names(List.of()));
        ConfigException empty = assertThrows(ConfigException.class, () -> TargetModules.parse(" "));
        assertTrue(empty.getMessage().startsWith("target_modules must name at least one module"), empty.getMessage());
    }

    /** An adapter comes from anywhere, and so does its pattern. */
    @ParameterizedTest
    @ValueSource(strings = {"((.+)+)+\\2!", "(.|.|.)*\\1!", "(?:(?:.+)+)+!", ".*.*.*.*.*.*.*.*.*.*!"})
    void aPatternThatTriesWithoutEndIsStopped(String pattern) {
        String path = "base.model.layers.11.self_attn.query_key_value_projection.of.a.long.name";
        assertTimeoutPreemptively(Duration.ofSeconds(5), () -> {
            assertThrows(
                    ConfigException.class, () -> TargetModules.regex(pattern).matches(path));
            TargetModules named = new TargetModules.Names(List.of("name"), List.of(1), List.of(pattern));
            assertThrows(ConfigException.class, () -> named.matches(path));
        });
    }

    /** The engine tries all of it without looking at a character, which is what the steps count. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "(?:^{2147483647}){2147483647}.*",
                "^{100000}x",
                "(?:(?:^{30}){30}){30}x",
                "(?:a?){2147483647}(?!)",
                "[\\])]?(?:(?:|){60}(?!))",
                "{2147483647}{2147483647}x",
                "(?i){2147483647}{2147483647}x",
                "a|{2147483647}{2147483647}",
                "a+{2147483647}{2147483647}",
                "[^^](?:|){60}(?!)]",
                "[^^]((?x)a{6 0}(?:|){60}(?!))",
                "\\c[(?:|){60}(?!)]",
                "(?x)#[\n(?:|){60}(?!)#]"
            })
    void whatMatchesNothingIsNotRepeatedWithoutEnd(String pattern) {
        ConfigException fault = assertTimeoutPreemptively(
                Duration.ofSeconds(5), () -> assertThrows(ConfigException.class, () -> TargetModules.regex(pattern)));
        assertTrue(fault.getMessage().startsWith("a pattern of modules must not repeat"), fault.getMessage());
    }

    @Test
    void choicesBetweenNothingAndNothingAreCounted() {
        for (String choice :
                List.of("(?:|)", "(?:^|\\b)", "(?:(?!x)|(?!y))", "^?", "(?:a*|b?)", "(?<n>)?", "(?:\\Q\\E|)")) {
            assertThrows(ConfigException.class, () -> TargetModules.regex(".*" + choice.repeat(40) + "(?!)"), choice);
        }
        for (String honest : List.of(
                "(?:layers\\.\\d{1,2}\\.)?[^.]{1,4000}(q|k|v)?_proj",
                "^(?!.*head).*$",
                "\\b(a|b|)c?",
                ".*?[]x].*?(?:a|b)++([^^]+?)")) {
            TargetModules.regex(honest.repeat(3));
        }
    }

    @Test
    void allKeysOfAListShareTheStepsOfAPath() {
        Map<String, Integer> ranks = new LinkedHashMap<>();
        for (int i = 0; i < 2000; i++) {
            ranks.put(".*.*.*.*x!" + i, 1);
        }
        LoraConfig config =
                new LoraConfig(1, 1, 0, TargetModules.allLinear(), null, false, false, List.of(), ranks, Map.of());
        assertTimeoutPreemptively(
                Duration.ofSeconds(5),
                () -> assertThrows(ConfigException.class, () -> config.rankOf("model.layers.1.self_attn.q_proj.long")));
    }

    @Test
    void longAndDeepPatternsAreRefused() {
        assertThrows(ConfigException.class, () -> TargetModules.regex("a".repeat(20_000)));
        String deep = "(".repeat(4999) + ")".repeat(4999);
        assertThrows(ConfigException.class, () -> TargetModules.regex(deep));
    }

    /** As tools write them who select modules by regular expressions. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "(?:.*?(?:vision|image|text|layers).*?(?:self_attn|attention|mlp).*?(?:q_proj|k_proj|v_proj).*?)|(?:\\bmodel\\.layers\\.[\\d]{1,}\\.(?:self_attn)\\.(?:(?:q_proj)))",
                ".*(layers).*(self_attn|mlp).*(q|k|v|o|gate|up|down).*_proj.*",
                "^(?!.*(vision|audio)).*\\.(q_proj|v_proj)$"
            })
    void patternsOfKnownAdaptersEnd(String pattern) {
        TargetModules regex = TargetModules.regex(pattern);
        String prefix = "base_model.model.model.language_model.layers.31.";
        assertTrue(regex.matches(prefix + "self_attn.q_proj"));
        assertFalse(
                regex.matches(prefix + "post_attention_layernorm.of.a.rather.long.name.that.fits.no.part.at.the.end"));
    }
}
