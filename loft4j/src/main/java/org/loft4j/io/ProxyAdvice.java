package org.loft4j.io;

import java.net.URI;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What to do about a hub that cannot be reached: Java does not read the variables that name a proxy to other programs. */
final class ProxyAdvice {
    private ProxyAdvice() {}

    /**
     * Words behind a fault.
     *
     * @param variables the environment
     * @param told the proxy that Java has been told of; null for none
     */
    static String of(Map<String, String> variables, @Nullable String told) {
        String proxy = Stream.of("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
                .filter(name -> !variables.getOrDefault(name, "").isBlank())
                .findFirst()
                .orElse(null);
        if (proxy == null || told != null) {
            return "check the connection, and the proxy where there is one";
        }
        return "Java does not read " + proxy + ": name the proxy in LOFT_JAVA_OPTS=\""
                + options(variables.getOrDefault(proxy, "").strip()) + "\"";
    }

    /** Without the user and the password that an address may have. */
    private static String options(String proxy) {
        String host = null;
        int port = -1;
        try {
            URI address = URI.create(proxy.contains("://") ? proxy : "http://" + proxy);
            host = address.getHost();
            port = address.getPort();
        } catch (IllegalArgumentException e) {
            // the words below stand for it
        }
        return "-Dhttps.proxyHost=" + (host == null ? "HOST" : host) + " -Dhttps.proxyPort="
                + (host == null ? "PORT" : port < 0 ? "80" : Integer.toString(port));
    }
}
