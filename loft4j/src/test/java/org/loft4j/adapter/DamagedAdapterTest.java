package org.loft4j.adapter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.loft4j.hostile.HostileFormat;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.tensor.NativeScope;

/** adapter_config.json and adapter_model.safetensors, put onto a sound model. */
class DamagedAdapterTest implements HostileFormat {
    private static final List<String> FIXTURES = List.of("llama_gqa", "bert_cls", "gpt2", "vit_cls");

    @Override
    public List<Path> lay(Path folder) throws IOException {
        List<Path> targets = new ArrayList<>();
        for (String name : FIXTURES) {
            Path to = Files.createDirectory(folder.resolve(name));
            Path from = Fixture.directory(name).resolve("adapter");
            Path config = Files.copy(from.resolve(PeftFiles.CONFIG), to.resolve(PeftFiles.CONFIG));
            Path weights = Files.copy(from.resolve(PeftFiles.WEIGHTS), to.resolve(PeftFiles.WEIGHTS));
            targets.addAll(List.of(config, config, weights));
        }
        return targets;
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        Path directory = damaged.getParent();
        Path base = Fixture.directory(directory.getFileName().toString());
        PeftConfig config = PeftFiles.readConfig(directory);
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(
                        base, ModelOptions.of(config.task() == null ? Models.defaultTask(base) : config.task()));
                LoraAdapter adapter = PeftFiles.load(directory, model)) {
            adapter.layers();
        }
    }

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "true",
                "[]",
                "{}",
                "\"\"",
                "\"r\"",
                "\"lora_alpha\"",
                "\"rank_pattern\"",
                "\"alpha_pattern\"",
                "\"target_modules\"",
                "\"all-linear\"",
                "\"(a+)+$\"",
                "\"(.*)*(.*)*(.*)*x\"",
                "\"(\"",
                "{\"(.+)+y\": 4}",
                "\"modules_to_save\"",
                "\"layers_to_transform\"",
                "\"LOHA\"",
                "\"SEQ_CLS\"",
                "\"../../etc\"",
                "\"F64\"",
                "\"I64\"",
                "[4, 4]",
                "\"data_offsets\"");
    }
}
