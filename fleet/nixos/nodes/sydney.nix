# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "sydney";
    pushTokenFile = "/etc/clavitor/environment";
    region = "ap-southeast-2";
    subdomain = "sydney";
    tunnelAddress = "10.84.0.28";
  };
}
