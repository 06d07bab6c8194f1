import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URL;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLHandshakeException;

/** Dials URL (the first argument) through a proxy on loopback (its port). The CA is in the trust store. */
public class JavaClient {
  public static void main(String[] args) throws Exception {
    Proxy proxy =
        new Proxy(Proxy.Type.HTTP, new InetSocketAddress("127.0.0.1", Integer.parseInt(args[1])));
    HttpsURLConnection connection = (HttpsURLConnection) new URL(args[0]).openConnection(proxy);
    connection.setInstanceFollowRedirects(false);
    connection.setConnectTimeout(30000);
    connection.setReadTimeout(30000);
    try {
      System.out.println("accepted: HTTP " + connection.getResponseCode());
    } catch (SSLHandshakeException e) {
      System.out.println("refused: " + e.getMessage());
    } finally {
      connection.disconnect();
    }
  }
}
