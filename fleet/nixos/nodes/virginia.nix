# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "virginia";
    pushTokenFile = "/etc/clavitor/environment";
    region = "us-east-1";
    subdomain = "virginia";
    tunnelAddress = "10.84.0.11";
  };
}
