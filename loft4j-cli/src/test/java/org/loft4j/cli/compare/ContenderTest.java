package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.optim.LoftBlock;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

class ContenderTest {
    private static final ComparisonSettings.Adapters COMMON =
            (rank, rslora) -> LoraConfig.of(rank, LoraConfig.defaultAlpha(rank, rslora), TargetModules.allLinear())
                    .withRslora(rslora);

    @Test
    void settingsOfItsOwnAndALabel() {
        Contender contender = Contender.parse("lora:alpha=64:label=LoRA 64");
        assertEquals("lora_64", contender.name());
        assertEquals("LoRA 64", contender.title());
        assertEquals(Map.of("alpha", "64"), contender.options());
        assertEquals(64, contender.adapter(COMMON, 4).alpha());
        assertEquals(8, Contender.parse("lora").adapter(COMMON, 4).alpha());
    }

    @Test
    void rsLoraIsAskedForByMethodOrOptionAndKeepsItsAlphaAtEveryRank() {
        for (String text : new String[] {"rslora", "lora:rslora", "rslora:rslora=true", "rslora:dropout=0.1"}) {
            for (int rank : new int[] {1, 16, 256}) {
                LoraConfig adapter = Contender.parse(text).adapter(COMMON, rank);
                assertTrue(adapter.useRslora(), text);
                assertEquals(8, adapter.alpha(), text);
                assertEquals(8 / Math.sqrt(rank), adapter.scaleOf("any"), text);
            }
        }
        assertEquals(
                32, Contender.parse("lora:rslora=false").adapter(COMMON, 16).alpha());
        assertEquals(16, Contender.parse("rslora:alpha=16").adapter(COMMON, 4).alpha());
        ConfigException e = assertThrows(ConfigException.class, () -> Contender.parse("rslora:rslora=false"));
        assertEquals(
                "methods: rslora:rslora=false takes from rslora what it is: use lora, or leave rslora=false out",
                e.getMessage());
    }

    @Test
    void blocksOfLoftAreLeftOut() {
        TrainConfig config = Contender.parse("loft:without=alternation+second-moment")
                .training(TrainConfig.builder(Method.LOFT), 1e-3, 7);
        assertEquals(
                Set.of(LoftBlock.ALTERNATION, LoftBlock.SECOND_MOMENT),
                Set.copyOf(config.loft().without()));
        assertEquals(7, config.seed());
    }

    @Test
    void ratesOfMomentsAndSettingsOfRivals() {
        TrainConfig plus = training("lora-plus:lora-plus-ratio=4:beta1=0.8:beta2=0.95");
        assertEquals(4, plus.peers().loraPlusRatio());
        assertEquals(0.8, plus.beta1());
        assertEquals(0.95, plus.beta2());
        assertEquals(20, training("reflora:reflora-warmup=20").peers().refLoraWarmup());
        assertEquals(Dtype.BF16, training("loft:cross-terms=bfloat16").loft().crossTerms());
        for (String wrong : new String[] {
            "lora:lora-plus-ratio=4", "lora:cross-terms=bfloat16", "reflora:reflora-warmup=0", "loft:beta2=1"
        }) {
            assertThrows(ConfigException.class, () -> training(wrong), wrong);
        }
        ConfigException e = assertThrows(ConfigException.class, () -> training("reflora:reflora-warmup=1.5"));
        assertEquals("methods: reflora-warmup must be a whole number, got 1.5", e.getMessage());
    }

    private static TrainConfig training(String text) {
        Contender contender = Contender.parse(text);
        return contender.training(TrainConfig.builder(contender.method()), 1e-3, 0);
    }

    @Test
    void everythingThatIsWrongIsSaidAtOnce() {
        ConfigException e = assertThrows(ConfigException.class, () -> Contender.parse("lorra:alfa=1:eps=1:eps=2"));
        String message = String.valueOf(e.getMessage());
        assertEquals(3, message.lines().count(), message);
        assertTrue(message.contains("unknown option alfa"), message);
        assertTrue(message.contains("gives eps twice"), message);
        assertTrue(message.contains("lorra"), message);
    }

    @Test
    void whatIsOnOrOffIsTrueOrFalseAndAnAdapterIsNeededForAlpha() {
        Contender yes = Contender.parse("lora:rslora=yes");
        assertThrows(ConfigException.class, () -> yes.adapter(COMMON, 4));
        assertThrows(ConfigException.class, () -> Contender.parse("full:alpha=8"));
    }

    @Test
    void whatDoraCannotTrainIsRefusedOfTheContender() {
        ComparisonSettings.Adapters experts = (rank, rslora) ->
                COMMON.of(rank, rslora).withDropout(0).withTargetParameters(List.of("experts.down_proj"));
        assertEquals(4, Contender.parse("lora").adapter(experts, 4).rank());
        Contender dora = Contender.parse("dora");
        assertTrue(dora.adapter(COMMON, 4).useDora());
        ConfigException e = assertThrows(ConfigException.class, () -> dora.adapter(experts, 4));
        assertTrue(e.getMessage().contains("use_dora does not go with target_parameters"), e.getMessage());
    }

    @Test
    void ratesReadAsPeopleWriteThem() {
        assertEquals("3e-4", Trial.rateText(3e-4));
        assertEquals("1.5e-3", Trial.rateText(0.0015));
        assertEquals("1e0", Trial.rateText(1));
        Trial trial = new Trial(Contender.of(Method.LOFT), 4, 3e-4, 2, 0);
        assertEquals("loft-4-3e-4-s2", trial.name());
        assertEquals("full-1e-4-s0", new Trial(Contender.of(Method.FULL), 0, 1e-4, 0, 0).name());
    }
}
