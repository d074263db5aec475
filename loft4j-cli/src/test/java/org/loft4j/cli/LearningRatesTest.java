package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.cli.compare.Contender;
import org.loft4j.nn.PreferenceLoss.Kind;
import org.loft4j.train.Method;

class LearningRatesTest {
    private static final List<Contender> CONTENDERS =
            List.of(Contender.of(Method.LOFT), Contender.parse("lora:alpha=64:label=LoRA-64"));

    private static ToDoubleFunction<Method> usual(long hiddenSize, @Nullable Kind preferences) {
        return method -> new UsualRate(false, preferences).of(method, hiddenSize);
    }

    @Test
    void someForAllAndSomeByName() {
        var rates = LearningRates.parse(List.of("1e-4,3e-4", "lora-64=1e-3,3e-3"), null)
                .of(CONTENDERS, usual(384, null));
        assertEquals(List.of(1e-4, 3e-4), rates.get("loft"));
        assertEquals(List.of(1e-3, 3e-3), rates.get("lora-64"));
    }

    @Test
    void withoutAnyItIsTheMethodsOwn() {
        var rates = LearningRates.parse(List.of(), null).of(CONTENDERS, usual(384, null));
        assertEquals(List.of(Method.LOFT.learningRate()), rates.get("loft"));
        assertEquals(List.of(Method.LORA.learningRate()), rates.get("lora-64"));
    }

    @Test
    void preferencesHaveLowerDefaults() {
        var rates = LearningRates.parse(List.of("lora-64=1e-3"), null).of(CONTENDERS, usual(4096, Kind.SIGMOID));
        assertEquals(List.of(1.4e-6), rates.get("loft"));
        assertEquals(List.of(1e-3), rates.get("lora-64"));
        var ofOrpo = LearningRates.parse(List.of(), null).of(CONTENDERS, usual(4096, Kind.ORPO));
        assertEquals(List.of(7e-6), ofOrpo.get("loft"));
    }

    @Test
    void aWiderModelHasALowerRateWhereStepsAreThoseOfW() {
        var rates = LearningRates.parse(List.of(), null).of(CONTENDERS, usual(4096, null));
        assertEquals(List.of(2.8e-5), rates.get("loft"));
        assertEquals(List.of(Method.LORA.learningRate()), rates.get("lora-64"));
    }

    @Test
    void defaultsThatDoNotGoWithTheWidthAreToldOnAWideModel() {
        LearningRates defaults = LearningRates.parse(List.of(), null);
        String warning = String.valueOf(defaults.warning(CONTENDERS, 4096));
        assertTrue(warning.contains("4096 wide: the default learning rate of LoRA-64 is the same"), warning);
        assertTrue(warning.contains("while that of LoFT falls"), warning);
        assertNull(defaults.warning(CONTENDERS, 1024));
        assertNull(defaults.warning(List.of(Contender.of(Method.LORA), Contender.of(Method.DORA)), 4096));
        assertNull(defaults.warning(List.of(Contender.of(Method.LOFT), Contender.of(Method.FULL)), 4096));
        assertNull(LearningRates.parse(List.of("1e-4"), null).warning(CONTENDERS, 4096));
        assertNull(LearningRates.parse(List.of("lora=1e-4,3e-4"), null).warning(CONTENDERS, 4096));
        assertNull(LearningRates.parse(List.of(), 1e-4).warning(CONTENDERS, 4096));
    }

    @Test
    void theNameOfAnEntryMayHoldAnEqualsSign() {
        List<Contender> contenders = List.of(Contender.parse("lora:alpha=4"));
        var rates = LearningRates.parse(List.of("lora_alpha=4=1e-3,3e-3"), null).of(contenders, usual(384, null));
        assertEquals(List.of(1e-3, 3e-3), rates.get("lora_alpha=4"));
    }

    @Test
    void aNameThatNobodyHasIsRefused() {
        LearningRates rates = LearningRates.parse(List.of("dora=1e-3"), null);
        ConfigException e = assertThrows(ConfigException.class, () -> rates.of(CONTENDERS, usual(384, null)));
        assertTrue(String.valueOf(e.getMessage()).contains("dora; there are loft, lora-64"), e.getMessage());
    }

    /** Those of the method are for all that are trained by it, and those of the name for one of them. */
    @Test
    void ratesOfANameGoBeforeThoseOfItsMethod() {
        List<Contender> contenders = List.of(Contender.parse("lora"), Contender.parse("lora:alpha=64:label=wide"));
        LearningRates rates = LearningRates.parse(List.of("lora=1e-3", "wide=1e-4"), null);
        Map<String, List<Double>> found = rates.of(contenders, Method::hashCode);
        assertEquals(List.of(1e-3), found.get("lora"));
        assertEquals(List.of(1e-4), found.get("wide"));
    }
}
