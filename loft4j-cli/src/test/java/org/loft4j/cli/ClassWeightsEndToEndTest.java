package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --class-weights}: a class that is rare in the data is learnt all the same. */
class ClassWeightsEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private String model = "";
    private String rows = "";

    /** One text in twenty is red; nothing but its label tells it from the others. */
    @BeforeEach
    void write() throws IOException {
        model = TinyModels.encoder(folder.resolve("model")).toString();
        rows = Files.writeString(
                        folder.resolve("rows.csv"),
                        "text,label\n" + "a ball,blue\n".repeat(57) + "a ball,red\n".repeat(3))
                .toString();
    }

    private Captured train(String output, String... more) {
        List<String> call = new ArrayList<>(List.of("train", "--model", model, "--data", rows));
        call.addAll(List.of("--output", folder.resolve(output).toString(), "--method", "lora", "--rank", "2"));
        call.addAll(List.of("--batch-size", "60", "--learning-rate", "1e-2", "--seed", "3"));
        call.addAll(List.of("--head-learning-rate", "3e-2", "--json"));
        call.addAll(List.of(more));
        if (!call.contains("--max-steps")) {
            call.addAll(List.of("--max-steps", "60"));
        }
        return Captured.loft(call.toArray(String[]::new));
    }

    /** Of one and the same text the model tells the share of each class, which the weights make even. */
    @Test
    void balancedWeightsMakeTheSharesEven() throws IOException {
        assertEquals(0, train("plain").status());
        Captured balanced = train("even", "--class-weights", "balanced");
        assertEquals(0, balanced.status(), balanced.err());
        assertTrue(
                balanced.err().contains("loft: balanced class weights, from 0.526 for blue to 10.0 for red"),
                balanced.err());
        assertEquals("blue", told("plain").get("label").asText());
        double even = told("even").get("probability").asDouble();
        double plain = told("plain").get("probability").asDouble();
        assertEquals(0.5, even, 0.05);
        assertEquals(0.95, plain, 0.03);
        Captured named = train("named", "--class-weights", "red=19");
        assertEquals(0, named.status(), named.err());
        assertEquals(0.5, told("named").get("probability").asDouble(), 0.05);
        String loss = "In the loss of training ";
        assertFalse(card("plain").contains(loss), card("plain"));
        String ofBalanced = loss + "rare classes weighed more (balanced): from 0.526 for blue to 10.0 for red.";
        assertTrue(card("even").contains(ofBalanced), card("even"));
        String ofNamed = loss + "classes weighed red=19.0, and 1 where none is named.";
        assertTrue(card("named").contains(ofNamed), card("named"));
    }

    private String card(String run) throws IOException {
        return Files.readString(folder.resolve(run).resolve("README.md"));
    }

    private JsonNode told(String run) throws IOException {
        Captured predict =
                Captured.loft("predict", "--adapter", folder.resolve(run).toString(), "--text", "a ball", "--json");
        assertEquals(0, predict.status(), predict.err());
        return JSON.readTree(predict.out()).get("predictions").get(0);
    }

    @Test
    void whatDoesNotFitIsRefusedBeforeAnythingIsWritten() {
        refused("class_weights names green, and the classes are blue, red", "--class-weights", "green=2");
        refused("class_weights must be balanced, or NAME=WEIGHT", "--class-weights", "red");
        refused("class_weights balanced counts the labels of all rows", "--class-weights", "balanced", "--streaming");
    }

    private void refused(String words, String... more) {
        Captured call = train("refused", more);
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains(words), call.err());
        assertFalse(Files.exists(folder.resolve("refused/config.yaml")), "refused, and yet begun");
    }

    /** A file of settings may have a list, and a run goes on with the weights that it had. */
    @Test
    void areASettingLikeOthers() throws IOException {
        Path file = Files.writeString(
                folder.resolve("settings.yaml"), "class_weights: [red=19, blue=1]\nnum_train_epochs: 1\n");
        Captured first = train("run", "--config", file.toString(), "--max-steps", "2");
        assertEquals(0, first.status(), first.err());
        String written = Files.readString(folder.resolve("run/config.yaml"));
        assertTrue(written.contains("class_weights"), written);
        Captured again = Captured.loft(
                "train", "--config", folder.resolve("run/config.yaml").toString(), "--resume", "--json");
        assertEquals(0, again.status(), again.err());
        Captured other = train("run", "--class-weights", "red=5", "--max-steps", "2", "--resume");
        assertEquals(2, other.status(), other.err());
        assertTrue(other.err().contains("class_weights was red=19.0 and is now red=5.0"), other.err());
    }
}
