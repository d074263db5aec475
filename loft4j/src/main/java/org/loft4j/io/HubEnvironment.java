package org.loft4j.io;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.FileFault;

/**
 * What the environment says of the Hugging Face hub, by the variables that Hugging Face's Python library reads.
 * The file of the token is read when the hub is asked, and not for what lies in the cache.
 */
public final class HubEnvironment {
    private static final String ENDPOINT = "https://huggingface.co";
    private static final Set<String> YES = Set.of("1", "ON", "YES", "TRUE");
    private static final Pattern VARIABLE = Pattern.compile("\\$(?:([A-Za-z0-9_]+)|\\{([A-Za-z0-9_]+)})");
    private static final Pattern TOKEN = Pattern.compile("[\\x21-\\x7e]+");

    private final Path cache;
    private final URI endpoint;
    private final @Nullable String token;
    private final @Nullable Path tokenFile;
    private final boolean offline;

    /** @param token null for none */
    public HubEnvironment(Path cache, URI endpoint, @Nullable String token, boolean offline) {
        this(cache, endpoint, token, null, offline);
    }

    private HubEnvironment(
            Path cache, URI endpoint, @Nullable String token, @Nullable Path tokenFile, boolean offline) {
        String scheme = endpoint.getScheme();
        if (endpoint.getUserInfo() != null) {
            throw new ConfigException(
                    "HF_ENDPOINT must be an address without a user and a password, which would be shown: HF_TOKEN is what"
                            + " the hub asks for");
        }
        if (endpoint.getHost() == null || !("https".equals(scheme) || "http".equals(scheme))) {
            throw new ConfigException("HF_ENDPOINT must be an address such as " + ENDPOINT + ", got " + endpoint);
        }
        this.cache = cache;
        this.endpoint = endpoint;
        this.token = token == null ? null : oneWord("HF_TOKEN", token);
        this.tokenFile = tokenFile;
        this.offline = offline;
    }

    private static String oneWord(String place, String token) {
        if (!TOKEN.matcher(token).matches()) {
            throw new ConfigException(
                    place + " must be one word of ASCII characters, as the hub's page of tokens shows it");
        }
        return token;
    }

    /**
     * Directory of the downloaded models: {@code HF_HUB_CACHE}, else {@code hub} in {@code HF_HOME}, else in
     * {@code XDG_CACHE_HOME/huggingface}, else in {@code ~/.cache/huggingface}.
     */
    public Path cache() {
        return cache;
    }

    /** {@code HF_ENDPOINT}, without a slash at its end. */
    public URI endpoint() {
        return endpoint;
    }

    /** Whether {@code HF_HUB_OFFLINE} forbids to ask the hub. */
    public boolean offline() {
        return offline;
    }

    /**
     * {@code HF_TOKEN}, else what the file {@code token} in {@code HF_HOME} holds; null where there is none.
     *
     * @throws ConfigException if the file cannot be read, or holds no token
     */
    public @Nullable String token() {
        if (token != null || tokenFile == null) {
            return token;
        }
        try {
            String text =
                    Files.isRegularFile(tokenFile) ? Files.readString(tokenFile).strip() : "";
            return text.isEmpty() ? null : oneWord("the token of the hub in " + tokenFile, text);
        } catch (IOException e) {
            throw new ConfigException(
                    "the file " + tokenFile + ", which holds the token of the hub, cannot be read (" + FileFault.of(e)
                            + "): make it readable, or set HF_TOKEN",
                    e);
        }
    }

    /** The environment of this process. */
    public static HubEnvironment ofUser() {
        return of(System.getenv(), UserHome.get());
    }

    /**
     * Reads the variables.
     *
     * @throws ConfigException if one of them cannot be honoured
     */
    public static HubEnvironment of(Map<String, String> variables, Path userHome) {
        String xdg = set(variables, "XDG_CACHE_HOME");
        Path caches = xdg == null ? userHome.resolve(".cache") : path(xdg, variables, userHome);
        String own = set(variables, "HF_HOME");
        Path home = own == null ? caches.resolve("huggingface") : path(own, variables, userHome);
        String hub = first(variables, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE");
        Path cache = hub == null ? home.resolve("hub") : path(hub, variables, userHome);
        String file = set(variables, "HF_TOKEN_PATH");
        Path tokenFile = file == null ? home.resolve("token") : path(file, variables, userHome);
        String endpoint = set(variables, "HF_ENDPOINT");
        boolean implicit = !isYes(variables, "HF_HUB_DISABLE_IMPLICIT_TOKEN");
        String given = first(variables, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
        return new HubEnvironment(
                cache,
                uri(endpoint == null ? ENDPOINT : endpoint),
                implicit && given != null ? given.strip() : null,
                implicit ? tokenFile : null,
                isYes(variables, "HF_HUB_OFFLINE") || isYes(variables, "TRANSFORMERS_OFFLINE"));
    }

    private static URI uri(String text) {
        try {
            return URI.create(text.strip().replaceFirst("/+$", ""));
        } catch (IllegalArgumentException e) {
            throw new ConfigException("HF_ENDPOINT must be an address such as " + ENDPOINT + ", got " + text, e);
        }
    }

    /** A path in which {@code ~} and {@code $NAME} stand for what they do in a shell. */
    private static Path path(String text, Map<String, String> variables, Path userHome) {
        Matcher matcher = VARIABLE.matcher(text);
        String expanded = matcher.replaceAll(found -> {
            String name = found.group(1) != null ? found.group(1) : found.group(2);
            return Matcher.quoteReplacement(variables.getOrDefault(name, found.group()));
        });
        try {
            return expanded.equals("~")
                    ? userHome
                    : expanded.startsWith("~/") ? userHome.resolve(expanded.substring(2)) : Path.of(expanded);
        } catch (InvalidPathException e) {
            throw new ConfigException("the cache of Hugging Face's models must be a directory, got " + text, e);
        }
    }

    private static boolean isYes(Map<String, String> variables, String name) {
        return YES.contains(variables.getOrDefault(name, "").strip().toUpperCase(Locale.ROOT));
    }

    private static @Nullable String first(Map<String, String> variables, String name, String older) {
        String value = set(variables, name);
        return value == null ? set(variables, older) : value;
    }

    private static @Nullable String set(Map<String, String> variables, String name) {
        String value = variables.get(name);
        return value == null || value.isBlank() ? null : value;
    }

    /** Without the token, which belongs into no message. */
    @Override
    public String toString() {
        return "HubEnvironment[cache=" + cache + ", endpoint=" + endpoint + ", token="
                + (token != null ? "set" : tokenFile != null ? "of " + tokenFile : "none") + ", offline=" + offline
                + "]";
    }
}
