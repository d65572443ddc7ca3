# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "stockholm";
    pushTokenFile = "/etc/clavitor/environment";
    region = "eu-north-1";
    subdomain = "stockholm";
    tunnelAddress = "10.84.0.20";
  };
}
