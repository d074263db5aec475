package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;

/** A language model that is trained on from an adapter reads and writes as that one was trained. */
class GoOnInConversationEndToEndTest {
    private static final String OWN = "{{ bos_token }}{{ 'A tale. ' if tale else '' }}{% for m in messages %}"
            + "{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}";

    @TempDir
    Path folder;

    private Path model;
    private Path rows;

    @BeforeEach
    void aModelAndRows() throws Exception {
        model = Fixtures.copy("stories260K", folder.resolve("stories"));
        rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"prompt\": \"Once upon a time\", \"completion\": \", there was a dog.\"}\n".repeat(8));
    }

    private static Captured loft(Object... args) {
        return Captured.loft(Stream.of(args).map(Object::toString).toArray(String[]::new));
    }

    private Path train(String name, Path data, Object... options) {
        Path run = folder.resolve(name);
        Captured call = loft(Stream.concat(
                        Stream.of("train", "--data", data, "--output", run, "--method", "lora", "--max-steps", 1),
                        Stream.of(options))
                .toArray());
        assertEquals(0, call.status(), call.err());
        return run;
    }

    private static TrainedChat chat(Path run) throws Exception {
        return TaskFile.read(run).chat();
    }

    @Test
    void conversationsAreWrittenAsBeforeUnlessToldOtherwise() throws Exception {
        Path template = Files.writeString(folder.resolve("own.jinja"), OWN);
        Object[] asked = {
            "--model",
            model,
            "--chat",
            "--chat-template",
            template,
            "--chat-template-kwargs",
            "tale=true",
            "--loss-on",
            "last",
            "--max-length",
            48
        };
        Path first = train("first", rows, asked);
        Path second = train("second", rows, "--adapter", first);
        TrainedChat was = chat(first);
        TrainedChat is = chat(second);
        assertTrue(is.wrapPrompts());
        assertEquals("last", is.lossOn());
        assertEquals(was.variables(), is.variables());
        assertEquals(OWN, Files.readString(second.resolve("chat_template.jinja")));
        assertEquals(48, TaskFile.read(second).maxLength());
        String settings = Files.readString(second.resolve("config.yaml"));
        assertTrue(settings.contains("# loss_on: last") && settings.contains("# chat: true"), settings);
        Captured again = loft("train", "--config", second.resolve("config.yaml"), "--resume");
        assertTrue(again.out().contains("is finished"), again.out() + again.err());

        Path told = train("told", rows, "--adapter", first, "--loss-on", "all", "--chat-template-kwargs", "tale=false");
        assertEquals("all", chat(told).lossOn());
        assertEquals(Map.of("tale", false), chat(told).variables());

        // texts alone teach no other way to converse
        Path texts = Files.writeString(folder.resolve("texts.jsonl"), "{\"text\": \"A dog.\"}\n".repeat(8));
        Path plain = train("plain", texts, "--adapter", first, "--no-chat");
        assertEquals(was, chat(plain));
        assertEquals(OWN, Files.readString(plain.resolve("chat_template.jinja")));
    }

    @Test
    void theAdaptersOwnTokenizerIsThatOfTheResult() throws Exception {
        Path first = train("first", rows, "--model", model);
        Path second = train("second", rows, "--adapter", first);
        assertFalse(Files.exists(second.resolve("checkpoint-1/tokenizer.json")), "the model's own");
        ObjectNode tokenizer = Json.read(model.resolve("tokenizer.json")).toTree();
        ObjectNode added = tokenizer.withArray("added_tokens").get(2).deepCopy();
        tokenizer.withArray("added_tokens").add(added.put("id", 511).put("content", "<|turn|>"));
        ((ObjectNode) tokenizer.path("model").path("vocab"))
                .properties()
                .removeIf(word -> word.getValue().asInt() == 511);
        Json.write(first.resolve("tokenizer.json"), tokenizer);
        Path turns = Files.writeString(folder.resolve("turns.jsonl"), "{\"text\": \"<|turn|>A dog.\"}\n".repeat(8));
        Path third = train("third", turns, "--adapter", first);
        Path template = Files.writeString(folder.resolve("own.jinja"), OWN);
        Path conversed = train("conversed", rows, "--adapter", first, "--chat", "--chat-template", template);
        for (Path of : new Path[] {conversed, conversed.resolve("checkpoint-1")}) {
            // beside an adapter the model's says where an answer ends
            assertFalse(Files.exists(of.resolve("generation_config.json")), of.toString());
        }
        for (String file : new String[] {"tokenizer.json", "checkpoint-1/tokenizer.json"}) {
            assertEquals(-1, Files.mismatch(first.resolve("tokenizer.json"), third.resolve(file)), file);
        }
        Captured there = loft("train", "--data", turns, "--adapter", first, "--output", model);
        assertEquals(2, there.status());
        assertTrue(there.err().contains("is the directory of the model, whose tokenizer is another"), there.err());

        tokenizer.withArray("added_tokens").add(added.deepCopy().put("id", 512).put("content", "<|more|>"));
        Json.write(first.resolve("tokenizer.json"), tokenizer);
        Captured more = loft("train", "--data", turns, "--adapter", first, "--output", folder.resolve("x"));
        assertEquals(1, more.status());
        assertTrue(more.err().contains("this tokenizer has 513 ids, and the model 512 rows"), more.err());
    }
}
