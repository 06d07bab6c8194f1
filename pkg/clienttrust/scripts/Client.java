import java.net.URL;
import java.net.Proxy;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLException;

/** Asks for the URL given as the argument, and prints what Java says. */
public class Client {
  public static void main(String[] args) throws Exception {
    HttpsURLConnection connection = (HttpsURLConnection) new URL(args[0]).openConnection(Proxy.NO_PROXY);
    connection.setInstanceFollowRedirects(false);
    connection.setRequestMethod("HEAD");
    connection.setConnectTimeout(30000);
    connection.setReadTimeout(30000);
    try {
      System.out.println("accepted: HTTP " + connection.getResponseCode());
    } catch (SSLException e) {
      System.out.println("refused: " + e.getMessage());
    } finally {
      connection.disconnect();
    }
  }
}
