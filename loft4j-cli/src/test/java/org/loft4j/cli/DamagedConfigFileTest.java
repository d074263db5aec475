package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.ConfigException;
import org.loft4j.hostile.HostileFormat;

/** The YAML of {@code --config}: no class is made of it, and no alias is followed. */
class DamagedConfigFileTest implements HostileFormat {
    @Override
    public List<Path> lay(Path folder) throws IOException {
        return List.of(Files.writeString(folder.resolve("run.yaml"), """
                # a comment
                model_name_or_path: &base somewhere
                train_file: "rows.csv"
                output_dir: 'run'
                r: 8
                target_modules: [query, value]
                modules_to_save:
                  - classifier
                learning_rate: 2e-4
                bf16: true
                seed: 0x10
                """));
    }

    @Override
    public void read(Path folder, Path damaged) {
        List<String> problems =
                ConfigFile.of("train", "--config", damaged.toString()).problems();
        for (String problem : problems) {
            assertTrue(problem.contains(damaged.toString()), problem);
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(problems.get(0));
        }
    }

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "~",
                "*base",
                "&a [*a, *a]",
                "<<: *base",
                "!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[!!java.net.URL [\"http://127.0.0.1/\"]]]]",
                "!!java.lang.Runtime {}",
                "!!binary AAAA",
                "!!set {a, b}",
                "%YAML 9.9\n",
                "---\n",
                "...\n",
                "|+9\n",
                ">-\n",
                "? ",
                "\t",
                "\u0085",
                "\u0007",
                "rank: 3\n",
                "{a: {b: [c]}}",
                "1_000",
                "1:30:00",
                "2001-01-01",
                ".inf",
                "\"\\ud800\"");
    }
}
